// A producer and a processor in one process: both find the process-wide store, here the memory store.
import './process.ts'
import './enqueue.ts'

// A producer and a processor in one process: both find the process-wide store.
import './process.ts'
import './enqueue.ts'

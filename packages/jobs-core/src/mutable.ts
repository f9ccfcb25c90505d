/** For who builds an object step by step, before it is handed out as one that nobody changes. */
export type Mutable<T> = { -readonly [K in keyof T]: T[K] }

import { AsyncLocalStorage } from "node:async_hooks"

/** A value that goes with a piece of work, whatever it awaits. */
export interface Scope<T> {
  /** Does the work; everything that it starts has the value. */
  run(value: T, work: () => void): void
  /** undefined outside of any such work. */
  current(): T | undefined
}

export function createScope<T>(): Scope<T> {
  const storage = new AsyncLocalStorage<T>()
  return { run: (value, work) => storage.run(value, work), current: () => storage.getStore() }
}

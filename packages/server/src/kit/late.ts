/** What is made later than those who are to call it: two parts that know each other cannot both come first. */
export interface Late<T> {
  /** Once, before anybody asks. */
  give(value: T): void
  /** @throws Error when it was not given yet: the parts are put together in the wrong order */
  get(): T
}

/** @param what for the error: "the runner of workloads" */
export function createLate<T extends object>(what: string): Late<T> {
  let given: T | undefined
  return {
    give(value) {
      given = value
    },
    get() {
      if (!given) throw new Error(`${what} is not there yet.`)
      return given
    },
  }
}

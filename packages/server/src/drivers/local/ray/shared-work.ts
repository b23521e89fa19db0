/** Something that several wait for and that is done once. */
export interface SharedWork<T> {
  /**
   * Joins the work of that key, or begins it. It is given up when the last who waits has gone.
   * @throws the signal's reason when it aborts; what the work throws
   */
  join(
    key: string,
    work: (report: (sentence: string) => void, signal: AbortSignal) => Promise<T>,
    report: (sentence: string) => void,
    signal: AbortSignal,
  ): Promise<T>
}

interface Run<T> {
  readonly result: Promise<T>
  readonly reports: Set<(sentence: string) => void>
  readonly end: AbortController
  last: string | undefined
}

export function createSharedWork<T>(): SharedWork<T> {
  const runs = new Map<string, Run<T>>()

  function begin(key: string, work: Parameters<SharedWork<T>["join"]>[1]): Run<T> {
    const reports = new Set<(sentence: string) => void>()
    const end = new AbortController()
    const report = (sentence: string) => {
      run.last = sentence
      for (const each of reports) each(sentence)
    }
    const result = Promise.resolve()
      .then(() => work(report, end.signal))
      .finally(() => {
        if (runs.get(key) === run) runs.delete(key)
      })
    result.catch(() => undefined) // those who wait are told
    const run: Run<T> = { result, reports, end, last: undefined }
    runs.set(key, run)
    return run
  }

  return {
    async join(key, work, report, signal) {
      signal.throwIfAborted()
      const run = runs.get(key) ?? begin(key, work)
      const own = (sentence: string) => report(sentence)
      run.reports.add(own)
      if (run.last !== undefined) report(run.last)
      let onAbort = () => undefined as void
      const aborted = new Promise<never>((_resolve, reject) => {
        onAbort = () => reject(signal.reason as Error)
        signal.addEventListener("abort", onAbort, { once: true })
      })
      try {
        return await Promise.race([run.result, aborted])
      } finally {
        signal.removeEventListener("abort", onAbort)
        run.reports.delete(own)
        if (run.reports.size === 0) {
          if (runs.get(key) === run) runs.delete(key)
          run.end.abort(new Error("Nobody waits for it any more."))
        }
      }
    },
  }
}

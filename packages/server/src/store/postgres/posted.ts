/** Statements of a closure whose answers it did not wait for. */
export interface Posted {
  add(work: Promise<void>): void
  /** Resolves when all are done. @throws what the first of them that failed threw */
  settled(): Promise<void>
}

export function createPosted(): Posted {
  let underWay = 0
  let hasFailed = false
  let failure: unknown
  let wake = () => {}
  return {
    add(work) {
      underWay++
      work
        .catch((error: unknown) => {
          if (!hasFailed) failure = error
          hasFailed = true
        })
        .finally(() => {
          underWay--
          if (underWay === 0) wake()
        })
        .catch(() => undefined)
    },
    async settled() {
      if (underWay > 0) await new Promise<void>((resolve) => (wake = resolve))
      if (hasFailed) throw failure
    },
  }
}

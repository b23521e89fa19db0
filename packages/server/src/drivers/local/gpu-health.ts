/** Something that a look found wrong. */
export interface Fault {
  /** What it is about: `GPU 3`, or the tool. Each has its own verdict. */
  readonly subject: string
  readonly sentence: string
  /** It does not pass by itself: one look is enough for the verdict. */
  readonly isHard: boolean
}

/** The verdict on one subject, and how many looks in a row have contradicted it. */
interface Verdict {
  readonly isWell: boolean
  /** Why it is not well; of the last fault, also while it is being watched. */
  readonly sentence: string
  readonly against: number
}

/** What earlier looks made of each subject; none kept = well. */
export type GpuHealth = ReadonlyMap<string, Verdict>

/** Looks in a row that turn a verdict: one odd look is none. */
const looksInARow = 2
/** Sentences of a node's message; the rest is counted. */
const mostSentences = 3

/**
 * The verdicts after one more look. A subject turns bad with a hard fault at once, with another one after two looks
 * in a row, and well again after two in a row without. The first look of all has nothing to weigh a fault against:
 * it counts, so that a server that was restarted does not give a bad GPU away. Pure.
 * @param isWhole whether this look tells about every subject: else those without a fault are left as they are
 */
export function judge(before: GpuHealth | undefined, faults: readonly Fault[], isWhole: boolean): GpuHealth {
  const after = new Map<string, Verdict>()
  const bySubject = Map.groupBy(faults, ({ subject }) => subject)
  for (const subject of new Set([...(before?.keys() ?? []), ...bySubject.keys()])) {
    const was = before?.get(subject) ?? well
    const found = bySubject.get(subject) ?? []
    const unfaulted = isWhole ? speaksFor(was) : was
    const next = found.length > 0 ? speaksAgainst(was, found, before === undefined) : unfaulted
    if (!next.isWell || next.against > 0) after.set(subject, next)
  }
  return after
}

const well: Verdict = { isWell: true, sentence: "", against: 0 }

function speaksAgainst(was: Verdict, faults: readonly Fault[], isFirst: boolean): Verdict {
  const sentence = faults.map((fault) => fault.sentence).join(" ")
  if (!was.isWell) return { isWell: false, sentence, against: 0 }
  const against = was.against + 1
  const isBad = isFirst || against >= looksInARow || faults.some(({ isHard }) => isHard)
  return { isWell: !isBad, sentence, against: isBad ? 0 : against }
}

function speaksFor(was: Verdict): Verdict {
  if (was.isWell) return well
  const against = was.against + 1
  return against >= looksInARow ? well : { ...was, against }
}

/** Why the node is not well, at most three sentences; "" when it is. */
export function healthMessage(health: GpuHealth): string {
  const sentences = [...health.values()].filter(({ isWell }) => !isWell).map(({ sentence }) => sentence)
  const more = sentences.length - mostSentences
  return [...sentences.slice(0, mostSentences), ...(more > 0 ? [`And ${more} more.`] : [])].join(" ")
}

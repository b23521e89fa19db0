/** One fault of a request: where it is, and the sentence the API answers with. */
export interface DecodeIssue {
  readonly path: readonly (string | number)[]
  readonly message: string
}

/** What a decoder gives: the typed request, or every fault it found, in the order of the fields. */
export type Decoded<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly issues: readonly DecodeIssue[] }

/** The value when nothing was found, else the faults. */
export function decoded<T>(value: T, issues: readonly DecodeIssue[]): Decoded<T> {
  return issues.length === 0 ? { ok: true, value } : { ok: false, issues }
}

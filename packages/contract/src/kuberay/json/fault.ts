/** A text that cannot be taken, in the words of the answer. Thrown and caught within json/ only. */
export class JsonFault extends Error {}

/** What a reader gives: the value, or the words of the first fault. */
export type WireResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly fault: string }

/** Runs `read`; a {@link JsonFault} becomes the result. */
export function caught<T>(read: () => T): WireResult<T> {
  try {
    return { ok: true, value: read() }
  } catch (error) {
    if (error instanceof JsonFault) return { ok: false, fault: error.message }
    throw error
  }
}

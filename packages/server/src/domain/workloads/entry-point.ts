const base64Pattern = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/**
 * The entry point as it is kept: base64. What looks like base64 and decodes to text is kept as it is,
 * anything else is taken for the script itself and encoded (reference/workloads.md 2.4).
 */
export function encodeEntryPoint(text: string): string {
  const trimmed = text.trim()
  if (trimmed === "") return ""
  return decodeBase64Text(trimmed) === null ? Buffer.from(trimmed, "utf8").toString("base64") : trimmed
}

/** The script inside; what is not base64 of text is given back as it is. */
export function decodeEntryPoint(encoded: string): string {
  return decodeBase64Text(encoded) ?? encoded
}

function decodeBase64Text(text: string): string | null {
  if (text === "" || !base64Pattern.test(text)) return null
  try {
    const decoded = new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(text, "base64"))
    // eight letters of plain text decode to control characters more often than to a script
    return /[\0-\x08\x0e-\x1f\x7f]/.test(decoded) ? null : decoded
  } catch {
    return null
  }
}

/** What an Authoring workload runs: it waits to be logged in to. */
export const authoringEntryPoint: string = Buffer.from("sleep infinity").toString("base64")

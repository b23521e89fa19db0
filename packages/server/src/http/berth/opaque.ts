/** Text as URL-safe base64. */
export function textToBase64(text: string): string {
  return Buffer.from(text, "utf8").toString("base64url")
}

/** The inverse; undefined for what `textToBase64` does not give. */
export function base64ToText(encoded: string): string | undefined {
  const text = Buffer.from(encoded, "base64url").toString("utf8")
  return textToBase64(text) === encoded ? text : undefined
}

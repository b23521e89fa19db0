interface TimestampInit {
  readonly seconds: bigint
  readonly nanos: number
}

/** Whole seconds, as everywhere in this API. */
export function timestampOf(ms: number): TimestampInit {
  return { seconds: BigInt(Math.floor(ms / 1000)), nanos: 0 }
}

/** A member that is left out where there is no time. */
export function timestampMaybe(ms: number | null): TimestampInit | undefined {
  return ms === null ? undefined : timestampOf(ms)
}

/** `2023-09-25 10:48:35.766 +0000 UTC`: a moment as Go prints it, zeros at the end of the fraction left out. */
export function goTimeText(ms: number): string {
  const [date = "", rest = ""] = new Date(ms).toISOString().split("T")
  const [time = "", fraction = ""] = rest.replace("Z", "").split(".")
  const digits = fraction.replace(/0+$/, "")
  return `${date} ${time}${digits === "" ? "" : `.${digits}`} +0000 UTC`
}

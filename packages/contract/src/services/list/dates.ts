/** `%Y-%m-%d %H:%M:%S` as Python's `strptime` takes it: zeros in front may be left out but for the year's. */
const form =
  /^(\d{4})-(1[0-2]|0[1-9]|[1-9])-(3[01]|[12]\d|0[1-9]|[1-9]| [1-9])\s+(2[0-3]|[01]\d|\d):([0-5]\d|\d):([0-5]\d|\d)$/

/** The instant that a filter names, in ms since 1970 UTC; undefined: it is not of the form, or no day of the calendar. */
export function parseFilterDate(text: string): number | undefined {
  const parts = form.exec(text)?.slice(1).map(Number)
  if (!parts) return undefined
  const [year = 0, month = 0, day = 0, hours = 0, minutes = 0, seconds = 0] = parts
  if (year === 0) return undefined
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  if (date.getUTCDate() !== day) return undefined
  date.setUTCHours(hours, minutes, seconds)
  return date.getTime()
}

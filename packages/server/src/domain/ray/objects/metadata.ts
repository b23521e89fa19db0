import type { Issue } from "../../../kit/errors.ts"

const labelShape = /^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/
const labelSentence =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and " +
  "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is " +
  "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
const longestLabel = 63

const subdomainShape = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/
const subdomainSentence =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and " +
  "end with an alphanumeric character (e.g. 'example.com', regex used for validation is " +
  "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
const longestName = 253

const keyNameShape = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?$/
const keySentence =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric " +
  "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is " +
  "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
const mostAnnotationBytes = 262_144

/** What Kubernetes finds in a name: a DNS-1123 subdomain of at most 253 characters. */
export function nameIssues(name: string): readonly Issue[] {
  const path = ["metadata", "name"]
  if (name.length > longestName)
    return [{ path, message: wrongValue(name, `must be no more than ${longestName} characters`) }]
  return subdomainShape.test(name) ? [] : [{ path, message: wrongValue(name, subdomainSentence) }]
}

/** What Kubernetes finds in the values of labels, in order. */
export function labelIssues(values: readonly string[]): readonly Issue[] {
  const path = ["metadata", "labels"]
  return values.flatMap((value) => {
    const tooLong = value.length > longestLabel ? [`must be no more than ${longestLabel} characters`] : []
    const malformed = labelShape.test(value) ? [] : [labelSentence]
    return [...tooLong, ...malformed].map((why) => ({ path, message: wrongValue(value, why) }))
  })
}

/** What Kubernetes finds in annotations: keys are qualified names, 256 KiB in all. */
export function annotationIssues(annotations: Readonly<Record<string, string>>): readonly Issue[] {
  const path = ["metadata", "annotations"]
  const bytes = Object.entries(annotations).reduce((sum, pair) => sum + Buffer.byteLength(pair.join("")), 0)
  const keys = Object.keys(annotations)
    .toSorted()
    .flatMap((key) => keyFaults(key).map((why) => ({ path, message: wrongValue(key, why) })))
  if (bytes <= mostAnnotationBytes) return keys
  return [...keys, { path, message: `Too long: may not be more than ${mostAnnotationBytes} bytes` }]
}

function keyFaults(key: string): readonly string[] {
  const [first = "", second, ...more] = key.toLowerCase().split("/")
  const name = second ?? first
  const prefix = second === undefined ? null : first
  if (more.length > 0) return ["a qualified name must have at most one prefix and one name"]
  const prefixFaults =
    prefix === null || (prefix.length <= longestName && subdomainShape.test(prefix))
      ? []
      : [`prefix part ${subdomainSentence}`]
  if (name === "") return [...prefixFaults, "name part must be non-empty"]
  if (name.length > longestLabel) return [...prefixFaults, "name part must be no more than 63 characters"]
  return keyNameShape.test(name) ? prefixFaults : [...prefixFaults, keySentence]
}

function wrongValue(value: string, why: string): string {
  return `Invalid value: ${JSON.stringify(value)}: ${why}`
}

/** The parts of `CLUSTER/SUBMISSION`; undefined for a name without a slash. */
export function splitSubmission(
  name: string,
): { readonly cluster: string; readonly submissionId: string } | undefined {
  const [, cluster = "", submissionId = ""] = /^([^/]+)\/(.+)$/s.exec(name) ?? []
  return cluster === "" ? undefined : { cluster, submissionId }
}

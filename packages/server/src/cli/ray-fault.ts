const kubernetes = /^Internal Server Error: .*?InternalServerError: (.*)$/s
const known = /^(.*?): .*?(?:NotFoundError|Already exist error|Invalid input error|InvalidInputError): /s
const attempt = /^Failed to [^:(]*\([^)]*\): /
const template = /^Cannot get compute template for name '([^']*)' in namespace '([^']*)'/
const namespace = /^namespaces "([^"]*)" not found$/

/** The KubeRay API's sentences without the calls that they passed through; any other text as it is. */
export function plainRayFault(message: string): string {
  const internal = kubernetes.exec(message)?.[1]
  if (internal === undefined) return known.exec(message)?.[1] ?? message
  return worded(internal.replace(attempt, ""))
}

function worded(cause: string): string {
  const [, name, place] = template.exec(cause) ?? []
  if (name !== undefined) return `Compute template ${name} not found in namespace ${place}.`
  const [, space] = namespace.exec(cause) ?? []
  return space === undefined ? cause : `Namespace ${space} not found, or you have no role in its workspace.`
}

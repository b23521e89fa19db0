import type { Family } from "./family.ts"

/** Finds the family whose prefix is the longest that holds for the url (path, with or without query). */
export function createFamilyFinder(families: readonly Family[]): (url: string) => Family | undefined {
  const byLength = families
    .flatMap((family) => family.prefixes.map((prefix) => ({ family, prefix })))
    .toSorted((a, b) => b.prefix.length - a.prefix.length)
  return (url) => byLength.find(({ prefix }) => isBelow(url, prefix))?.family
}

function isBelow(url: string, prefix: string): boolean {
  if (!url.startsWith(prefix)) return false
  const next = url[prefix.length]
  return next === undefined || next === "/" || next === "?"
}

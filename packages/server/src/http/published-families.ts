import { createBerthFamily, type BerthFamilyOptions } from "./berth/family.ts"
import type { Family } from "./plugins/family.ts"
import { referenceFamily } from "./reference/family.ts"
import { workloadsFamily } from "./workloads/routes.ts"

/** Every API of the server, and the page that shows their documents. */
export function publishedFamilies(options: BerthFamilyOptions): readonly Family[] {
  return [workloadsFamily, createBerthFamily(options), referenceFamily]
}

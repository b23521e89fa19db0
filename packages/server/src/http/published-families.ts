import { createBerthFamily, type BerthFamilyOptions } from "./berth/family.ts"
import { createEgsFamily, usualEgsOptions } from "./egs/family.ts"
import type { EgsOptions } from "./egs/handlers.ts"
import { createKuberayFamily } from "./kuberay/family.ts"
import type { Family } from "./plugins/family.ts"
import { referenceFamily } from "./reference/family.ts"
import { servicesFamily } from "./services/family.ts"
import { signInFamily } from "./sign-in/family.ts"
import { workloadsFamily } from "./workloads/routes.ts"

/** Every API of the server, and the page that shows their documents. */
export function publishedFamilies(
  options: BerthFamilyOptions,
  egs: EgsOptions = usualEgsOptions,
): readonly Family[] {
  return [
    workloadsFamily,
    signInFamily,
    createEgsFamily(egs),
    createKuberayFamily(options),
    servicesFamily,
    createBerthFamily(options),
    referenceFamily,
  ]
}

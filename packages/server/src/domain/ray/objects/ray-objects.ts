import type { RayObjects } from "../commands.ts"
import { createRayClusters } from "./clusters.ts"
import { createConfigEntries } from "./config-entries.ts"
import { createForward } from "./forward.ts"
import { createRayJobs } from "./jobs.ts"
import type { RayObjectsOptions } from "./options.ts"
import { createRayServices } from "./services.ts"
import { createSubmissions } from "./submissions.ts"
import { createRayTemplates } from "./templates.ts"

/** Everything people do with Ray, by their rights. What brings it about is the runner. */
export function createRayObjects(options: RayObjectsOptions): RayObjects {
  return {
    templates: createRayTemplates(options),
    clusters: createRayClusters(options),
    jobs: createRayJobs(options),
    services: createRayServices(options),
    submissions: createSubmissions(options),
    forward: createForward(options),
    configMaps: createConfigEntries(options, "configMap"),
    secrets: createConfigEntries(options, "secret"),
  }
}

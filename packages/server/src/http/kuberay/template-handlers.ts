import {
  ComputeTemplateSchema,
  ListAllComputeTemplatesResponseSchema,
  ListComputeTemplatesResponseSchema,
} from "@berth/contract/kuberay"
import { create } from "@bufbuild/protobuf"
import { EmptySchema } from "@bufbuild/protobuf/wkt"
import type { RayObjects } from "../../domain/ray/index.ts"
import { templateFrom, wireTemplateOf } from "./map-templates.ts"
import type { RayHandlers } from "./requests.ts"

/** Sizes of pods. */
export function templateHandlers({
  templates,
}: Pick<RayObjects, "templates">): RayHandlers<
  | "createComputeTemplate"
  | "getComputeTemplate"
  | "listComputeTemplates"
  | "listAllComputeTemplates"
  | "deleteComputeTemplate"
> {
  return {
    async createComputeTemplate(principal, { namespace, computeTemplate }) {
      const wanted = computeTemplate ?? create(ComputeTemplateSchema)
      return wireTemplateOf(await templates.create(principal, templateFrom(wanted, namespace)))
    },
    async getComputeTemplate(principal, { namespace, name }) {
      return wireTemplateOf(await templates.get(principal, { namespace, name }))
    },
    async listComputeTemplates(principal, { namespace }) {
      const found = await templates.list(principal, namespace)
      return create(ListComputeTemplatesResponseSchema, { computeTemplates: found.map(wireTemplateOf) })
    },
    async listAllComputeTemplates(principal) {
      const found = await templates.list(principal, null)
      return create(ListAllComputeTemplatesResponseSchema, { computeTemplates: found.map(wireTemplateOf) })
    },
    async deleteComputeTemplate(principal, { namespace, name }) {
      await templates.delete(principal, { namespace, name })
      return create(EmptySchema)
    },
  }
}

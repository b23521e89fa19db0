import {
  decodeGprTemplate,
  decodeGprTemplateBinding,
  decodeName,
  type GprTemplateBindingOperation,
  type GprTemplateOperation,
} from "@berth/contract/egs"
import type { Principal } from "../../domain/identity/index.ts"
import { AppError } from "../../kit/errors.ts"
import type { Services } from "../services.ts"
import { saidBy } from "./body.ts"
import { valueOf, type EgsHandlers } from "./handlers.ts"
import { mapBinding, mapTemplate, mapWrittenBinding, toBinding, toTemplate } from "./map-gpr-template.ts"

/** The routes of templates. */
export function gprTemplateHandlers({ gpuSettings }: Services): EgsHandlers<GprTemplateOperation> {
  const nameOf = (said: unknown) => valueOf(decodeName(said, "gprTemplateName", "name"))
  return {
    async createGprTemplate(request) {
      const wanted = valueOf(decodeGprTemplate(saidBy(request)))
      const workspaceId = wanted.workspaceName ?? workspaceOf(request.principal)
      const { name } = await gpuSettings.createTemplate(request.principal, {
        ...toTemplate(wanted),
        workspaceId,
      })
      return { gprTemplateName: name }
    },
    async updateGprTemplate(request) {
      const wanted = valueOf(decodeGprTemplate(saidBy(request)))
      await gpuSettings.updateTemplate(request.principal, toTemplate(wanted))
      return {}
    },
    async deleteGprTemplate(request) {
      await gpuSettings.deleteTemplate(request.principal, nameOf(saidBy(request)))
      return {}
    },
    async getGprTemplate(request) {
      return mapTemplate(await gpuSettings.template(request.principal, nameOf(saidBy(request))))
    },
    async listGprTemplates(request) {
      return { items: (await gpuSettings.templates(request.principal)).map(mapTemplate) }
    },
  }
}

/** The routes of bindings; each is named as its workspace. */
export function gprTemplateBindingHandlers({
  gpuSettings,
}: Services): EgsHandlers<GprTemplateBindingOperation> {
  const nameOf = (said: unknown) =>
    valueOf(decodeName(said, "gprTemplateBindingName", "workspaceName", "name"))
  const known = async (principal: Principal): Promise<ReadonlySet<string>> =>
    new Set((await gpuSettings.templates(principal)).map(({ name }) => name))
  return {
    async createGprTemplateBinding(request) {
      const { principal } = request
      const wanted = toBinding(valueOf(decodeGprTemplateBinding(saidBy(request))))
      const binding = await gpuSettings.createBinding(principal, wanted)
      return mapWrittenBinding(binding, await known(principal))
    },
    async updateGprTemplateBinding(request) {
      const { principal } = request
      const wanted = toBinding(valueOf(decodeGprTemplateBinding(saidBy(request))))
      const binding = await gpuSettings.updateBinding(principal, wanted)
      return mapWrittenBinding(binding, await known(principal))
    },
    async deleteGprTemplateBinding(request) {
      await gpuSettings.deleteBinding(request.principal, nameOf(saidBy(request)))
      return {}
    },
    async getGprTemplateBinding(request) {
      const { principal } = request
      return mapBinding(await gpuSettings.binding(principal, nameOf(saidBy(request))), await known(principal))
    },
    async listGprTemplateBindings(request) {
      const { principal } = request
      const templates = await known(principal)
      const bindings = await gpuSettings.bindings(principal)
      return { templateBindings: bindings.map((binding) => mapBinding(binding, templates)) }
    },
  }
}

/**
 * Whose a new template is where the body does not say: the server's where its Owner asks, else the only workspace that
 * the caller has a role in.
 * @throws AppError `invalid` when it has several
 */
function workspaceOf(principal: Principal): string | null {
  const workspaces = principal.workspaces()
  if (workspaces === null) return null
  const [only] = workspaces
  if (only !== undefined && workspaces.length === 1) return only
  const message = '"workspaceName" is required'
  throw new AppError("invalid", "The request does not say whose the template is.", {
    detail: "decoded",
    issues: [{ path: ["workspaceName"], message }],
  })
}

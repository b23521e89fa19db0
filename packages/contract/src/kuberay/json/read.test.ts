import type { DescMessage, MessageShape } from "@bufbuild/protobuf"
import { describe, expect, test } from "vitest"
import { ClusterSchema, ComputeTemplateSchema, RayJobSchema, decodeBody, encodeBody } from "../index.ts"

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

function read<D extends DescMessage>(schema: D, text: string | Uint8Array): MessageShape<D> {
  const result = decodeBody(schema, typeof text === "string" ? bytesOf(text) : text)
  if (!result.ok) throw new Error(result.fault)
  return result.value
}

function fault(schema: DescMessage, text: string | Uint8Array): string {
  const result = decodeBody(schema, typeof text === "string" ? bytesOf(text) : text)
  return result.ok ? "no fault" : result.fault
}

const template = (text: string): string =>
  encodeBody(ComputeTemplateSchema, read(ComputeTemplateSchema, text))
const cluster = (text: string): string => encodeBody(ClusterSchema, read(ClusterSchema, text))
const job = (text: string): string => encodeBody(RayJobSchema, read(RayJobSchema, text))
const nested = (depth: number): string => `{"x":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`

describe("what is no JSON is told without a prefix", () => {
  test.each([
    ["abc", "invalid character 'a' looking for beginning of value"],
    ["\u00EF\u00BB\u00BF{}", "invalid character 'Ã' looking for beginning of value"],
    ["\uFEFF{}", "invalid character 'ï' looking for beginning of value"],
    ["'", String.raw`invalid character '\'' looking for beginning of value`],
    ["\u0000", String.raw`invalid character '\x00' looking for beginning of value`],
    ["{", "unexpected EOF"],
    ['{"a"', "unexpected EOF"],
    ['{"a":"x', "unexpected EOF"],
    ["-", "unexpected EOF"],
    ["tru", "unexpected EOF"],
    ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
    ["{a:1}", "invalid character 'a' looking for beginning of object key string"],
    ['{"a" 1}', "invalid character '1' after object key"],
    ['{"a":1 "b":2}', "invalid character '\"' after object key:value pair"],
    ['{"a":[1 2]}', "invalid character '2' after array element"],
    ['{"a":[1,]}', "invalid character ']' looking for beginning of value"],
    ['{"a":tru}', "invalid character '}' in literal true (expecting 'e')"],
    ['{"a":-x}', "invalid character 'x' in numeric literal"],
    ['{"a":1.}', "invalid character '}' after decimal point in numeric literal"],
    ['{"a":1e}', "invalid character '}' in exponent of numeric literal"],
    ['{"a":01}', "invalid character '1' after object key:value pair"],
    [String.raw`{"a":"\x"}`, "invalid character 'x' in string escape code"],
    [String.raw`{"a":"\u00g0"}`, String.raw`invalid character 'g' in \u hexadecimal character escape`],
    ['{"a":"\n"}', String.raw`invalid character '\n' in string literal`],
    [nested(10_001), "invalid character '[' exceeded max depth"],
  ])("%j", (text, message) => {
    expect(fault(ComputeTemplateSchema, text)).toBe(message)
  })

  test("10 000 levels are read", () => {
    expect(template(nested(10_000))).toBe("{}")
  })
})

describe("faults of a message say where", () => {
  test.each([
    ["null", "proto: syntax error (line 1:1): unexpected token null"],
    ["1", "proto: syntax error (line 1:1): unexpected token 1"],
    ['"x"', 'proto: syntax error (line 1:1): unexpected token "x"'],
    ["[1]", "proto: syntax error (line 1:1): unexpected token ["],
    ['{"cpu":"two"}', 'proto: (line 1:8): invalid value for uint32 field cpu: "two"'],
    ['{\n "name":"é", "cpu":-1}', "proto: (line 2:20): invalid value for uint32 field cpu: -1"],
    ['   {"cpu":true}', "proto: (line 1:8): invalid value for uint32 field cpu: true"],
    ['{"cpu":1.5}', "proto: (line 1:8): invalid value for uint32 field cpu: 1.5"],
    ['{"cpu":4294967296}', "proto: (line 1:8): invalid value for uint32 field cpu: 4294967296"],
    ['{"cpu":1e99999999999}', "proto: (line 1:8): invalid value for uint32 field cpu: 1e99999999999"],
    ['{"cpu":[1]}', "proto: (line 1:8): invalid value for uint32 field cpu: ["],
    ['{"name":1}', "proto: (line 1:9): invalid value for string field name: 1"],
    ['{"name":"a","name":"b"}', 'proto: (line 1:13): duplicate field "name"'],
    ['{"name":null,"name":"b"}', 'proto: (line 1:14): duplicate field "name"'],
    ['{"gpuAccelerator":"a","gpu_accelerator":"b"}', 'proto: (line 1:23): duplicate field "gpu_accelerator"'],
    ['{"tolerations":"x"}', 'proto: syntax error (line 1:16): unexpected token "x"'],
    ['{"tolerations":[null]}', "proto: syntax error (line 1:17): unexpected token null"],
    ['{"tolerations":{}}', "proto: syntax error (line 1:16): unexpected token {"],
    ['{"extendedResources":[]}', "proto: syntax error (line 1:22): unexpected token ["],
    ['{"extendedResources":{"a":1,"a":2}}', 'proto: (line 1:29): duplicate map key "a"'],
    ['{"extendedResources":{"a":"x"}}', 'proto: (line 1:27): invalid value for uint32 field value: "x"'],
  ])("of a template: %s", (text, message) => {
    expect(fault(ComputeTemplateSchema, text)).toBe(message)
  })

  test.each([
    ['{"environment":1.5}', "proto: (line 1:16): invalid value for enum field environment: 1.5"],
    ['{"environment":true}', "proto: (line 1:16): invalid value for enum field environment: true"],
    ['{"environment":{}}', "proto: (line 1:16): invalid value for enum field environment: {"],
    [
      '{"environment":2147483648}',
      "proto: (line 1:16): invalid value for enum field environment: 2147483648",
    ],
    ['{"clusterSpec":"x"}', 'proto: syntax error (line 1:16): unexpected token "x"'],
    ['{"annotations":{"a":1}}', "proto: (line 1:21): invalid value for string field value: 1"],
    ['{"annotations":{"a":null}}', "proto: (line 1:21): invalid value for string field value: null"],
    ['{"createdAt":"yesterday"}', 'proto: (line 1:14): invalid google.protobuf.Timestamp value "yesterday"'],
    [
      '{"createdAt":"2023-02-30T00:00:00Z"}',
      'proto: (line 1:14): invalid google.protobuf.Timestamp value "2023-02-30T00:00:00Z"',
    ],
    ['{"createdAt":5}', "proto: syntax error (line 1:14): unexpected token 5"],
    [
      '{"clusterSpec":{"headGroupSpec":{"enableIngress":"true"}}}',
      'proto: (line 1:50): invalid value for bool field enableIngress: "true"',
    ],
    [
      '{"clusterSpec":{"workerGroupSpec":[{"replicas":1.5}]}}',
      "proto: (line 1:48): invalid value for int32 field replicas: 1.5",
    ],
    [
      '{"clusterSpec":{"headGroupSpec":{"securityContext":{"capabilities":{"add":[1]}}}}}',
      "proto: (line 1:76): invalid value for string field add: 1",
    ],
  ])("of a cluster: %s", (text, message) => {
    expect(fault(ClusterSchema, text)).toBe(message)
  })

  test.each(["01", "+1", "0x10", "1_0", " 1", "1 ", ""])("no number: %j", (text) => {
    expect(fault(ComputeTemplateSchema, JSON.stringify({ cpu: text }))).toMatch(/invalid value for uint32/)
  })

  test("floats beyond the greatest of 32 bits", () => {
    const message = "proto: (line 1:22): invalid value for float field entrypointNumCpus: 3.5e38"
    expect(fault(RayJobSchema, '{"entrypointNumCpus":3.5e38}')).toBe(message)
  })

  test("what is no text", () => {
    const bad = Uint8Array.of(...bytesOf('{"name":"'), 0xff, ...bytesOf('"}'))
    expect(fault(ComputeTemplateSchema, bad)).toBe("proto: syntax error (line 1:9): invalid UTF-8 in string")
    expect(fault(ComputeTemplateSchema, String.raw`{"name":"\ud800"}`)).toBe("proto: unexpected EOF")
    expect(fault(ComputeTemplateSchema, String.raw`{"name":"\ud800 and more"}`)).toBe(
      'proto: syntax error (line 1:9): invalid escape code " and m" in string',
    )
    expect(fault(ComputeTemplateSchema, String.raw`{"other":["\ud800"]}`)).toBe("proto: unexpected EOF")
  })
})

describe("what is taken", () => {
  test.each([
    ["", "{}"],
    [" \n\t", "{}"],
    ['{"name":"a"} trailing {', '{"name":"a"}'],
    ['{"name":null,"cpu":null,"tolerations":null,"extendedResources":null}', "{}"],
    ['{"other":{"deep":[1,{"x":null}]},"other":2,"cpu":1}', '{"cpu":1}'],
    ['{"gpu_accelerator":"a"}', '{"gpuAccelerator":"a"}'],
    ['{"cpu":"1","memory":"1.0","gpu":"1e0"}', '{"cpu":1,"memory":1,"gpu":1}'],
    ['{"cpu":2.0,"memory":2e0,"gpu":-0}', '{"cpu":2,"memory":2}'],
    ['{"cpu":0,"name":"","tolerations":[],"extendedResources":{}}', "{}"],
    [
      '{"tolerations":[{}],"extendedResources":{"zero":0}}',
      '{"tolerations":[{}],"extendedResources":{"zero":0}}',
    ],
    [
      '{"extendedResources":{"b":1,"a":2,"__proto__":3}}',
      '{"extendedResources":{"__proto__":3,"a":2,"b":1}}',
    ],
    ['{"extendedResources":{"\u{10000}":1,"\uFF5E":2}}', '{"extendedResources":{"\uFF5E":2,"\u{10000}":1}}'],
    [String.raw`{"name":"<a>&\u0026\/\ud83d\ude00\u2028\n"}`, '{"name":"<a>&&/😀\u2028\\n"}'],
  ])("template %j", (text, said) => {
    expect(template(text)).toBe(said)
  })

  test.each([
    ['{"environment":"PRODUCTION"}', '{"environment":3}'],
    ['{"environment":"production"}', "{}"],
    ['{"environment":"1"}', "{}"],
    ['{"environment":""}', "{}"],
    ['{"environment":1.0}', '{"environment":1}'],
    ['{"environment":7}', '{"environment":7}'],
    ['{"environment":-1}', '{"environment":-1}'],
    ['{"envs":{"values":{"B":"","A":"1"}}}', '{"envs":{"values":{"A":"1","B":""}}}'],
    [
      '{"envs":{"valuesFrom":{"A":{},"B":{"source":"SECRET"}}}}',
      '{"envs":{"valuesFrom":{"A":{},"B":{"source":1}}}}',
    ],
    ['{"envs":{}}', '{"envs":{}}'],
    [
      '{"clusterSpec":{"headGroupSpec":{"securityContext":{"capabilities":{},"privileged":false},"volumes":[{}]}}}',
      '{"clusterSpec":{"headGroupSpec":{"volumes":[{}],"securityContext":{"capabilities":{},"privileged":false}}}}',
    ],
    ['{"createdAt":"2023-09-25T12:48:35+02:00"}', '{"createdAt":"2023-09-25T10:48:35Z"}'],
    ['{"createdAt":"0001-01-01T00:00:00Z"}', '{"createdAt":"0001-01-01T00:00:00Z"}'],
    ['{"createdAt":"2023-09-25T10:48:35.5Z"}', '{"createdAt":"2023-09-25T10:48:35.500Z"}'],
  ])("cluster %s", (text, said) => {
    expect(cluster(text)).toBe(said)
  })

  test.each([
    ["16777217", "16777216"],
    ["123456789", "123456790"],
    ["0.1", "0.1"],
    ["1e-7", "1e-7"],
    ["1e21", "1e+21"],
    ["3.4e38", "3.4e+38"],
    ['"2.5"', "2.5"],
    ['"NaN"', '"NaN"'],
    ['"-Infinity"', '"-Infinity"'],
  ])("float %s", (text, said) => {
    expect(job(`{"entrypointNumCpus":${text}}`)).toBe(`{"entrypointNumCpus":${said}}`)
  })

  test("fields come in the order of their declaration", () => {
    expect(
      job('{"rayClusterName":"c","createdAt":"2023-09-25T10:48:35Z","version":"2","entrypoint":"e"}'),
    ).toBe('{"version":"2","entrypoint":"e","createdAt":"2023-09-25T10:48:35Z","rayClusterName":"c"}')
  })

  test("the golden cluster is read and said again byte for byte", () => {
    const golden =
      '{"name":"test-cluster","namespace":"ray-system","user":"3cpo","version":"2.46.0","clusterSpec":{"headGroupSpec":{"computeTemplate":"default-template","image":"rayproject/ray:2.46.0","serviceType":"NodePort","rayStartParams":{"dashboard-host":"0.0.0.0","metrics-export-port":"8080"},"environment":{}},"workerGroupSpec":[{"groupName":"small-wg","computeTemplate":"default-template","image":"rayproject/ray:2.46.0","replicas":1,"minReplicas":1,"maxReplicas":1,"rayStartParams":{"node-ip-address":"$MY_POD_IP"},"environment":{}}]},"annotations":{"ray.io/creation-timestamp":"2023-09-25 10:48:35.766443417 +0000 UTC"},"createdAt":"2023-09-25T10:48:35Z"}'
    expect(cluster(golden)).toBe(golden)
  })
})

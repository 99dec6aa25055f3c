import { availableParallelism, cpus } from 'node:os'
import type { Command } from 'commander'
import { type RuntimeInfo, runtime } from 'fast-ivf'
import type { Context, Run } from '../context.js'
import { type SelfCheck, selfCheck } from '../doctor/self-check.js'
import { findTools, type Tool } from '../doctor/tools.js'
import { facts, seconds } from '../text.js'

interface DoctorReport {
  ok: boolean
  node: string
  platform: string
  cpu: string
  cores: number
  runtime: RuntimeInfo
  selfCheck: SelfCheck
  tools: Tool[]
}

/** `doctor`: what this machine gives the library, and whether it computes rightly here. */
export function addDoctor(program: Command, run: Run): void {
  program
    .command('doctor')
    .description('tell what the library finds on this machine, and check that it computes rightly')
    .addHelpText('after', '\nExample:\n  fast-ivf doctor --json')
    .action(async () => {
      const { ok, selfCheck: check } = await run(doctor, showDoctor)
      if (!ok) throw new Error(`the self-check failed: ${check.detail}`)
    })
}

async function doctor({ signal }: Context): Promise<DoctorReport> {
  const info = await runtime({ revectorize: true })
  const [check, tools] = [await selfCheck(signal), await findTools(signal)]
  return {
    ok: check.ok,
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cpu: cpus()[0]?.model.trim() || 'unknown',
    cores: availableParallelism(),
    runtime: info,
    selfCheck: check,
    tools,
  }
}

function showDoctor({ node, platform, cpu, cores, runtime: info, selfCheck: check, tools }: DoctorReport): string {
  return facts([
    ['Node', node],
    ['platform', platform],
    ['processor', `${cpu}, ${cores} ${cores === 1 ? 'core' : 'cores'}`],
    ['SIMD', info.simd],
    ['threads', info.threads === 0 ? 'off' : String(info.threads)],
    ['memory', info.memory],
    ['revectorize', info.revectorized ? 'works here' : 'not available'],
    ...info.reasons.map((reason) => ['', reason] as const),
    ['self-check', `${check.ok ? 'passed' : 'FAILED'}: ${check.detail}, ${seconds(check.seconds)}`],
    ...tools.map(({ name, found, use }) => [name, `${found ? 'found' : 'not found'} (optional: ${use})`] as const),
  ])
}

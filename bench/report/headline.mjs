/** Where and when a run was measured. @param {any} results */
export function headline({ machine, node, installed, threads, quick }) {
  const compared = installed.version === node.version ? '' : `, and ${installed.version} for comparison`
  return (
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}; Node ${node.version}${compared}; ` +
    `${threads} threads unless said; ${machine.date}.${busy(machine.others)}${quick ? ' **A quick run.**' : ''}\n`
  )
}

/** @param {number | undefined} others */
function busy(others) {
  if (others === undefined || others < 0.05) return ''
  return ` **Other work took ${Math.round(others * 100)} % of the cores meanwhile**, now more, now less: times are worse than the machine's best, and ratios can be off as well.`
}

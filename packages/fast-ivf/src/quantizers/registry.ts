import { flatKind } from './flat/flat.js'
import { productKind } from './product/product.js'
import type { QuantizerKind, QuantizerPlan, WordOptions } from './quantizer.js'
import { scalarKind } from './scalar/scalar.js'

/** Every quantizer there is: a new one is a folder and a line here. */
export const kinds: readonly QuantizerKind[] = [flatKind, scalarKind, productKind]

/** The plan of the quantizer that a file holds; undefined when no kind knows it. @throws IvfError ERR_FORMAT */
export function openPlan(...stored: Parameters<QuantizerKind['open']>): QuantizerPlan | undefined {
  for (const kind of kinds) {
    const plan = kind.open(...stored)
    if (plan) return plan
  }
  return undefined
}

/** The quantizer that a word of a spec names; undefined when no kind knows the word. @throws IvfError ERR_ARGUMENT */
export function planOf(word: string, options: WordOptions): QuantizerPlan | undefined {
  for (const kind of kinds) {
    const plan = kind.parse(word, options)
    if (plan) return plan
  }
  return undefined
}

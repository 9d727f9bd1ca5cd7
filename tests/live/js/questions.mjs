// What is asked, and what SmolLM2 answers at temperature 0: as tests/sdk/questions.py has it.
import { createRequire } from 'node:module'

// node SCRIPT FOLDER PLAIN_URL PLAIN_MODEL ABLE_URL ABLE_MODEL [BREAKING_URL BREAKING_MODEL]
// FOLDER holds node_modules with the client. The first model just answers, the second thinks and calls tools, the
// engine of the third dies in the middle of each answer.
const [folder, plainUrl, plainModel, ableUrl, ableModel, breakingUrl, breakingModel] = process.argv.slice(2)

export const packageOf = name => createRequire(`${folder}/`)(name)
export const plain = { url: plainUrl, model: plainModel }
export const able = { url: ableUrl, model: ableModel }
export const breaking = { url: breakingUrl, model: breakingModel }

export const question = 'Name the capital of France.'
export const answer = 'The capital of France is Paris.'
export const thought = 'The capital of France is wanted.'
export const thoughtfulAnswer = 'It is Paris.'
export const weatherQuestion = 'What is the weather in Paris?'
export const weather = '22 degrees and sunny'
export const tooLong = 'word '.repeat(2500)
export const parameters = {
  type: 'object',
  properties: { location: { type: 'string', maxLength: 20 } },
  required: ['location'],
  additionalProperties: false,
}
export const citySchema = {
  type: 'object',
  properties: { city: { type: 'string', enum: ['Paris', 'Rome'] }, is_capital: { type: 'boolean' } },
  required: ['city', 'is_capital'],
  additionalProperties: false,
}

export async function partsOf(stream) {
  const parts = []
  for await (const part of stream) parts.push(part)
  return parts
}

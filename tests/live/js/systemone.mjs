// System One with Ollama's client for JavaScript. What comes before a colon in a name is the row of the table.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { packageOf, plain } from './questions.mjs'

const { Ollama } = packageOf('ollama')
const client = new Ollama({ host: plain.url })
const state = 'A customer writes: my parcel has not arrived, and I want my money back.'
const choice = { type: 'choice', instructions: 'Who should answer?', criteria: { shipping: 'Parcels', billing: 'Money' } }
const noul = { type: 'noul', instructions: 'Is the customer content?' }
const score = { type: 'score', instructions: 'How urgent is it?', criteria: ['It can wait', 'Soon', 'At once'] }

test('decisions: a choice, a yes or no and a score have probabilities', async () => {
  const { answers, usage } = await client.systemone({ model: plain.model, state, questions: { choice, noul, score } })
  assert.deepEqual(Object.keys(answers), ['choice', 'noul', 'score'])
  for (const { probabilities } of [answers.choice, answers.score]) {
    const sum = Object.values(probabilities).reduce((total, each) => total + each, 0)
    assert.ok(Math.abs(sum - 1) < 1e-6)
  }
  assert.ok(answers.choice.choice in choice.criteria)
  assert.ok(answers.noul.noul >= 0 && answers.noul.noul <= 1)
  assert.ok(answers.score.score >= 0 && answers.score.score <= 2)
  assert.equal(usage.output_tokens, 3)
})

test('decisions: what is wrong is refused', async () => {
  const ask = (model, questions) => client.systemone({ model, state, questions })
  await assert.rejects(ask('nobody', { noul }), { name: 'ResponseError', status_code: 404 })
  await assert.rejects(ask(plain.model, { choice: { ...choice, criteria: { only: null } } }), { status_code: 400 })
})

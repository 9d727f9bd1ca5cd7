// Anthropic's client for JavaScript. What comes before a colon in a name is the row of the table that it belongs to.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import {
  able, answer, breaking, citySchema, packageOf, parameters, partsOf, plain, question, thought, thoughtfulAnswer, tooLong,
  weather, weatherQuestion,
} from './questions.mjs'

const { Anthropic, APIError, APIUserAbortError, BadRequestError, NotFoundError } = packageOf('@anthropic-ai/sdk')
const connect = url => new Anthropic({ baseURL: url, apiKey: 'any', maxRetries: 0 })
const client = connect(plain.url)
const thinker = connect(able.url)

const messages = [{ role: 'user', content: question }]
const asked = { model: plain.model, messages, max_tokens: 24, temperature: 0 }
const tools = [{ name: 'get_weather', description: 'The weather of a place', input_schema: parameters }]
const turn = { role: 'user', content: weatherQuestion }
const calling = { model: able.model, messages: [turn], tools, max_tokens: 80, temperature: 0 }

const textOf = message => message.content.filter(block => block.type === 'text').map(block => block.text).join('')
const callsOf = message => message.content.filter(block => block.type === 'tool_use')

test('messages: a question is answered', async () => {
  const message = await client.messages.create(asked)
  assert.equal(textOf(message), answer)
  assert.equal(message.stop_reason, 'end_turn')
  assert.equal(message.stop_sequence, null)
  assert.ok(message.usage.output_tokens > 3)
})

test('messages: a limit and a text end an answer', async () => {
  const cut = await client.messages.create({ ...asked, max_tokens: 3 })
  assert.equal(textOf(cut), 'The capital of')
  assert.equal(cut.stop_reason, 'max_tokens')
  const stopped = await client.messages.create({ ...asked, stop_sequences: ['London', 'Paris'] })
  assert.equal(stopped.stop_reason, 'stop_sequence')
  assert.equal(stopped.stop_sequence, 'Paris')
})

test('messages: system blocks and a schema are heeded', async () => {
  const system = [{ type: 'text', text: 'You know all capitals by heart.', cache_control: { type: 'ephemeral' } }]
  assert.ok(textOf(await client.messages.create({ ...asked, system })))
  const output_config = { format: { type: 'json_schema', schema: citySchema } }
  const message = await client.messages.create({ ...asked, max_tokens: 80, output_config })
  assert.deepEqual(Object.keys(JSON.parse(textOf(message))).sort(), ['city', 'is_capital'])
})

test('messages: the beta is answered too', async () => {
  assert.equal(textOf(await client.beta.messages.create({ ...asked, betas: ['context-management-2025-06-27'] })), answer)
})

test('messages: thinking is a block of its own', async () => {
  const body = { ...asked, model: able.model, max_tokens: 1500, thinking: { type: 'enabled', budget_tokens: 1024 } }
  for (const message of [await thinker.messages.create(body), await thinker.messages.stream(body).finalMessage()]) {
    assert.deepEqual(message.content.map(block => block.type), ['thinking', 'text'])
    assert.equal(message.content[0].thinking, thought)
    assert.equal(textOf(message), thoughtfulAnswer)
  }
})

test('streams: a stream adds up to the whole', async () => {
  const stream = client.messages.stream(asked)
  const events = (await partsOf(stream)).map(event => event.type).filter(type => type !== 'ping')
  assert.deepEqual([...new Set(events)], [
    'message_start', 'content_block_start', 'content_block_delta', 'content_block_stop', 'message_delta', 'message_stop',
  ])
  assert.ok(events.length > 8)
  assert.equal(textOf(await stream.finalMessage()), answer)
})

test('tools: a tool is called, and its result read', async () => {
  const first = await thinker.messages.create(calling)
  assert.equal(first.stop_reason, 'tool_use')
  const [call] = callsOf(first)
  assert.deepEqual([call.name, call.input], ['get_weather', { location: 'Paris' }])
  const result = { type: 'tool_result', tool_use_id: call.id, content: [{ type: 'text', text: weather }] }
  const turns = [turn, { role: 'assistant', content: first.content }, { role: 'user', content: [result] }]
  const second = await thinker.messages.create({ ...calling, messages: turns })
  assert.ok(second.content.length)
})

test('tools: a call is collected from a stream', async () => {
  const [call] = callsOf(await thinker.messages.stream(calling).finalMessage())
  assert.deepEqual([call.name, call.input], ['get_weather', { location: 'Paris' }])
})

test('tools: one must be called, or none', async () => {
  for (const choice of [{ type: 'any' }, { type: 'tool', name: 'get_weather' }]) {
    const tool_choice = { ...choice, disable_parallel_tool_use: true }
    const forced = { ...calling, tool_choice, thinking: { type: 'disabled' }, max_tokens: 120 }
    assert.equal(callsOf(await thinker.messages.create(forced)).length, 1)
  }
  assert.equal(callsOf(await thinker.messages.create({ ...calling, tool_choice: { type: 'none' } })).length, 0)
})

test('count_tokens: a count is what a prompt takes', async () => {
  const counted = await client.messages.countTokens({ model: plain.model, system: 'Be brief.', messages })
  const { usage } = await client.messages.create({ ...asked, max_tokens: 2, system: 'Be brief.' })
  assert.equal(counted.input_tokens, usage.input_tokens + (usage.cache_read_input_tokens ?? 0))
})

test('errors: they are of the right class and say why', async () => {
  await assert.rejects(client.messages.create({ ...asked, model: 'nobody' }), error => {
    assert.ok(error instanceof NotFoundError)
    assert.equal(error.error.error.type, 'not_found_error')
    return /nobody/.test(error.message)
  })
  for (const body of [{ messages: [] }, { max_tokens: 0 }, { messages: [{ role: 'user', content: tooLong }] }]) {
    await assert.rejects(client.messages.create({ ...asked, ...body }), BadRequestError)
    await assert.rejects(client.messages.create({ ...asked, ...body, stream: true }), BadRequestError)
  }
  await assert.rejects(client.messages.create({ ...asked, tools }), /does not support tools/)
})

test('errors: who leaves is not answered', async () => {
  const stream = client.messages.stream({ ...asked, max_tokens: 1000 })
  stream.on('text', () => stream.abort())
  // On a busy machine, Node 20 now and then forgets who waits for a stream that is aborted within its own event.
  const end = stream.finalMessage().then(() => 'answered', error => error)
  const told = await Promise.race([end, setTimeout(2000, 'forgotten')])
  assert.ok(told === 'forgotten' || told instanceof APIUserAbortError, told)
  assert.ok(stream.aborted)
})

test('errors: an engine that dies in mid-answer is told', { skip: !breaking.url }, async () => {
  const stream = connect(breaking.url).messages.stream({ model: breaking.model, messages, max_tokens: 24 })
  const texts = []
  stream.on('text', text => texts.push(text))
  await assert.rejects(stream.finalMessage(), error => error instanceof APIError && /went away/.test(error.message))
  assert.ok(texts.length)
})

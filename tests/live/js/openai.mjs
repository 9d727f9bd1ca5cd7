// OpenAI's client for JavaScript. What comes before a colon in a name is the row of the table that it belongs to.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  able, answer, breaking, citySchema, packageOf, parameters, partsOf, plain, question, thought, thoughtfulAnswer, tooLong,
  weather, weatherQuestion,
} from './questions.mjs'

const { OpenAI, APIError, APIUserAbortError, BadRequestError, NotFoundError } = packageOf('openai')
const connect = url => new OpenAI({ baseURL: `${url}/v1`, apiKey: 'any', maxRetries: 0 })
const client = connect(plain.url)
const thinker = connect(able.url)

const messages = [{ role: 'user', content: question }]
const asked = { model: plain.model, messages, temperature: 0, max_tokens: 24 }
const tool = { type: 'function', function: { name: 'get_weather', description: 'The weather of a place', parameters } }
const calling = {
  model: able.model, messages: [{ role: 'user', content: weatherQuestion }], tools: [tool], temperature: 0, max_tokens: 80,
}
const flatTool = { type: 'function', name: 'get_weather', description: 'The weather of a place', parameters, strict: true }

test('chat: a question is answered', async () => {
  const { choices: [choice], usage } = await client.chat.completions.create(asked)
  assert.equal(choice.message.content, answer)
  assert.equal(choice.finish_reason, 'stop')
  assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens)
})

test('chat: a limit and a text end an answer', async () => {
  const cut = await client.chat.completions.create({ ...asked, max_tokens: undefined, max_completion_tokens: 3 })
  assert.equal(cut.choices[0].message.content, 'The capital of')
  assert.equal(cut.choices[0].finish_reason, 'length')
  const stopped = await client.chat.completions.create({ ...asked, stop: ['Paris'] })
  assert.equal(stopped.choices[0].message.content.trimEnd(), 'The capital of France is')
  assert.equal(stopped.choices[0].finish_reason, 'stop')
})

test('chat: a schema is kept to', async () => {
  const response_format = { type: 'json_schema', json_schema: { name: 'city', strict: true, schema: citySchema } }
  const { choices: [choice] } = await client.chat.completions.create({ ...asked, max_tokens: 80, response_format })
  assert.deepEqual(Object.keys(JSON.parse(choice.message.content)).sort(), ['city', 'is_capital'])
})

test('chat: thinking is told apart', async () => {
  const { choices: [choice] } = await thinker.chat.completions.create({ ...asked, model: able.model, max_tokens: 48 })
  assert.equal(choice.message.reasoning, thought)
  assert.equal(choice.message.content, thoughtfulAnswer)
})

test('streams: a stream adds up to the whole, with usage', async () => {
  const chunks = await partsOf(
    await client.chat.completions.create({ ...asked, stream: true, stream_options: { include_usage: true } }),
  )
  assert.equal(chunks.map(chunk => chunk.choices[0]?.delta.content ?? '').join(''), answer)
  assert.ok(chunks.length > 4)
  assert.deepEqual(chunks.at(-1).choices, [])
  assert.ok(chunks.at(-1).usage.total_tokens > 10)
})

test('streams: its own reader collects a stream', async () => {
  const runner = client.chat.completions.stream(asked)
  assert.equal(await runner.finalContent(), answer)
  assert.equal((await runner.finalChatCompletion()).choices[0].finish_reason, 'stop')
})

test('tools: a tool is called, and its result read', async () => {
  const { choices: [choice], usage } = await thinker.chat.completions.create(calling)
  assert.equal(choice.finish_reason, 'tool_calls')
  const [call] = choice.message.tool_calls
  assert.equal(call.function.name, 'get_weather')
  assert.deepEqual(JSON.parse(call.function.arguments), { location: 'Paris' })
  const result = { role: 'tool', tool_call_id: call.id, content: weather }
  const next = await thinker.chat.completions.create({
    ...calling, messages: [...calling.messages, choice.message, result],
  })
  assert.ok(next.usage.prompt_tokens > usage.prompt_tokens + 12)
})

test('tools: a call is collected from a stream', async () => {
  const final = await thinker.chat.completions.stream(calling).finalChatCompletion()
  const [call] = final.choices[0].message.tool_calls
  assert.deepEqual(JSON.parse(call.function.arguments), { location: 'Paris' })
})

test('tools: one must be called, or none', async () => {
  for (const tool_choice of ['required', { type: 'function', function: { name: 'get_weather' } }]) {
    const forced = { ...calling, tool_choice, reasoning_effort: 'none', max_tokens: 120 }
    const { choices: [choice] } = await thinker.chat.completions.create(forced)
    assert.equal(choice.message.tool_calls[0].function.name, 'get_weather')
  }
  const { choices: [choice] } = await thinker.chat.completions.create({ ...calling, tool_choice: 'none' })
  assert.ok(!choice.message.tool_calls?.length)
})

test('responses: a response and its stream say the same', async () => {
  const body = { model: plain.model, input: question, temperature: 0, max_output_tokens: 24 }
  const whole = await client.responses.create(body)
  assert.equal(whole.output_text, answer)
  assert.equal(whole.status, 'completed')
  const stream = client.responses.stream(body)
  const events = await partsOf(stream)
  assert.deepEqual(events.map(event => event.sequence_number), [...events.keys()])
  assert.deepEqual([...new Set(events.map(event => event.type))], [
    'response.created', 'response.in_progress', 'response.output_item.added', 'response.content_part.added',
    'response.output_text.delta', 'response.output_text.done', 'response.content_part.done',
    'response.output_item.done', 'response.completed',
  ])
  assert.equal((await stream.finalResponse()).output[0].content[0].text, answer)
})

test('responses: what is cut off is incomplete', async () => {
  const cut = await client.responses.create({
    model: plain.model, input: question, temperature: 0, max_output_tokens: 3,
  })
  assert.equal(cut.status, 'incomplete')
  assert.equal(cut.incomplete_details.reason, 'max_output_tokens')
})

test('responses: a function is called and answered', async () => {
  const body = { model: able.model, tools: [flatTool], temperature: 0, max_output_tokens: 80 }
  const input = [{ role: 'user', content: weatherQuestion }]
  const first = await thinker.responses.create({ ...body, input })
  const call = first.output.find(item => item.type === 'function_call')
  assert.deepEqual(JSON.parse(call.arguments), { location: 'Paris' })
  const output = { type: 'function_call_output', call_id: call.call_id, output: weather }
  const second = await thinker.responses.create({ ...body, input: [...input, ...first.output, output] })
  assert.ok(second.usage.input_tokens > first.usage.input_tokens + 12)
  const types = (await partsOf(thinker.responses.stream({ ...body, input }))).map(event => event.type)
  assert.ok(types.includes('response.function_call_arguments.done'))
})

test('models: they are listed and found, and texts completed', async () => {
  const ids = (await partsOf(client.models.list())).map(each => each.id.replace(/:latest$/, ''))
  assert.ok(ids.includes(plain.model))
  assert.equal((await client.models.retrieve(plain.model)).id, plain.model)
  const body = { model: plain.model, prompt: question, temperature: 0, max_tokens: 24 }
  assert.equal((await client.completions.create(body)).choices[0].text, answer)
})

test('errors: they are of the right class and say why', async () => {
  await assert.rejects(client.chat.completions.create({ ...asked, model: 'nobody' }), error => {
    assert.ok(error instanceof NotFoundError)
    assert.equal(error.type, 'not_found_error')
    return /nobody/.test(error.message)
  })
  for (const body of [{ messages: [] }, { temperature: 'warm' }, { messages: [{ role: 'user', content: tooLong }] }]) {
    await assert.rejects(client.chat.completions.create({ ...asked, ...body }), BadRequestError)
    await assert.rejects(client.chat.completions.create({ ...asked, ...body, stream: true }), BadRequestError)
  }
  await assert.rejects(client.responses.create({ model: 'nobody', input: 'x' }), { status: 404 })
  await assert.rejects(client.chat.completions.create({ ...asked, tools: [tool] }), /does not support tools/)
})

test('errors: who leaves is not answered', async () => {
  const stream = await client.chat.completions.create({ ...asked, max_tokens: 1000, stream: true })
  for await (const _ of stream) break
  assert.ok(stream.controller.signal.aborted)
  const controller = new AbortController()
  const asking = client.chat.completions.create({ ...asked, max_tokens: 1000 }, { signal: controller.signal })
  controller.abort()
  await assert.rejects(asking, APIUserAbortError)
})

test('errors: an engine that dies in mid-answer is told', { skip: !breaking.url }, async () => {
  const broken = connect(breaking.url)
  const chunks = []
  await assert.rejects(
    async () => {
      const stream = await broken.chat.completions.create({ model: breaking.model, messages, stream: true })
      for await (const chunk of stream) chunks.push(chunk)
    },
    error => error instanceof APIError && /went away/.test(error.message),
  )
  assert.ok(chunks.length)
  const events = await partsOf(await broken.responses.create({ model: breaking.model, input: question, stream: true }))
  assert.equal(events.at(-1).type, 'response.failed')
  assert.match(events.at(-1).response.error.message, /went away/)
})

-- wrk's script: each request is another charge, signed by its till, under a key of its own; each answer is written down.
-- Arguments: the file of charges (key of the till, card, amount), how many of them to leave out, the file of answers.
local requests, sent, answers = {}, 0, nil

-- A UUID version 8, as the till makes them: a millisecond each since 1 December 2026.
function key(number)
  local made_ms = 0x1a22ee6b000 + number
  return string.format("%08x-%04x-8000-8000-%012x", math.floor(made_ms / 65536), made_ms % 65536, number)
end

function init(args)
  local number, skipped = 0, tonumber(args[2])
  for line in io.lines(args[1]) do
    number = number + 1
    if number > skipped then
      local api_key, card, amount = line:match("^(%S+) (%S+) (%d+)$")
      requests[#requests + 1] = wrk.format("POST", "/api/v1/charges", {
        ["Authorization"] = "Bearer " .. api_key,
        ["Content-Type"] = "application/json",
        ["Idempotency-Key"] = key(number),
      }, '{"card":"' .. card .. '","amount_cents":' .. amount .. "}")
    end
  end
  answers = io.open(args[3], "a")
  answers:setvbuf("line")
end

function request()
  sent = sent + 1
  -- Out of charges: this address does not exist, and the run fails by its answer.
  return requests[sent] or wrk.format("GET", "/api/v1/no-charge-is-left")
end

function response(status, headers, body)
  answers:write(status, "\t", body, "\n")
end

-- What of hms.lua needs no capture. Prints `ok NAME` or `FAILED NAME: got …, not …` for each line of HMS_CASES:
-- NAME TAB FUNCTION TAB arguments in hexadecimal digits TAB what comes out, in hexadecimal digits.

local dissector = dofile(os.getenv("HMS_LUA"))
local hex, from_hex = dissector.hex, dissector.from_hex

local functions = {
  sha256 = dissector.sha256,
  hmac = dissector.hmac,
  expand = dissector.expand,
  decimal = dissector.decimal,
  shown = dissector.shown,
  name_fault = function(text) return dissector.name_fault(text, 64) or "" end,
  ipv6 = function(bytes) return dissector.address_text(6, bytes, 6710) end,
  span = function(ms) return dissector.span(tonumber(ms)) end,
}

for line in io.lines(os.getenv("HMS_CASES")) do
  local name, what, arguments, wanted = line:match("^([^\t]*)\t([^\t]*)\t([^\t]*)\t([^\t]*)$")
  local given = {}
  for one in (arguments .. ","):gmatch("([^,]*),") do
    given[#given + 1] = from_hex(one)
  end
  local got = hex(functions[what](given[1], given[2]))
  if got == wanted then
    print("ok " .. name)
  else
    print("FAILED " .. name .. ": got " .. got .. ", not " .. wanted)
  end
end

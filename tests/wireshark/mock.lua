-- Enough of Wireshark's Lua to run hms.lua in a bare Lua of any version: HMS_LUA over the datagrams of HMS_CASES (one a
-- line, hexadecimal digits). Prints the info column of each. `bit` answers floats, as LuaBitOp does, also in Lua 5.4.

local function wrapped(value)
  value = math.floor(value) % 4294967296
  return value
end

local function signed(value)
  value = value % 4294967296
  return (value >= 2147483648 and value - 4294967296 or value) * 1.0
end

local function bitwise(choose)
  return function(first, ...)
    local result = wrapped(first)
    for _, other in ipairs({ ... }) do
      local a, b, out, unit = result, wrapped(other), 0, 1
      for _ = 1, 32 do
        if choose(a % 2, b % 2) then
          out = out + unit
        end
        a, b, unit = math.floor(a / 2), math.floor(b / 2), unit * 2
      end
      result = out
    end
    return signed(result)
  end
end

bit = {
  band = bitwise(function(a, b) return a == 1 and b == 1 end),
  bor = bitwise(function(a, b) return a == 1 or b == 1 end),
  bxor = bitwise(function(a, b) return a ~= b end),
  bnot = function(a) return signed(4294967295 - wrapped(a)) end,
  ror = function(a, n)
    a = wrapped(a)
    local unit = 2 ^ n
    return signed(math.floor(a / unit) + (a % unit) * 2 ^ (32 - n))
  end,
  rshift = function(a, n) return signed(math.floor(wrapped(a) / 2 ^ n)) end,
}

-- Whatever is read, called or built on it is another one.
local anything
local meta = {
  __index = function() return anything end,
  __call = function() return anything end,
}
anything = setmetatable({}, meta)

ProtoField, Dissector, DissectorTable, base, frametype, expert, Pref = anything, anything, anything, anything, anything,
  anything, anything
ENC_UTF_8 = 2
Field = { new = function() return function() return nil end end }
NSTime = { new = function(s, n) assert(s % 1 == 0 and n % 1 == 0) return anything end }
UInt64 = { new = function() return setmetatable({}, { __tostring = function() return "above 2^53" end }) end }

local remarks = {}
ProtoExpert = { new = function(name) return { name = name } end }
local proto
function Proto(name)
  proto = { name = name, prefs = setmetatable({}, { __newindex = function(t, k) rawset(t, k, k == "key_file" and "" or "6710") end }),
    register_heuristic = function() end }
  return proto
end

local item = {}
function item.set_text(_, text) assert(type(text) == "string") return item end
function item.set_generated() return item end
function item.add() return item end
function item.add_packet_field() return item end
function item.add_proto_expert_info(_, field, text) remarks[#remarks + 1] = field.name .. ": " .. text return item end

local function tvb_of(bytes)
  return setmetatable({
    len = function() return #bytes end,
    reported_len = function() return #bytes end,
    raw = function(_, at, length) return bytes:sub(at + 1, at + length) end,
  }, { __call = function(_, at, length) assert(at == nil or at + length <= #bytes, "outside of the datagram") return {} end })
end

dofile(os.getenv("HMS_LUA"))
proto.init()
local frame = 0
for line in io.lines(os.getenv("HMS_CASES")) do
  local bytes = line:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end)
  frame = frame + 1
  remarks = {}
  local info = ""
  local pinfo = { number = frame, visited = false, abs_ts = 1.7e9 + frame, rel_ts = frame - 1.0,
    src = "192.0.2.7", dst = "10.1.0.1", src_port = 40000, dst_port = 6710,
    cols = { info = { set = function(_, text) info = text end }, protocol = { set = function() end } } }
  proto.dissector(tvb_of(bytes), pinfo, item)
  for _, one in ipairs(remarks) do
    if one:find("hms.expert.dissector", 1, true) then
      info = one
    end
  end
  print(info)
end

"""What sovit-nano has names for: one emoji, one name. Their order is the order of the label table's rows.

Left out on purpose: near twins (two kinds of train, coloured hearts), and drawings so thin that no patch of 14 px is
mostly theirs (broom, candle, trumpet).
"""

_ANIMALS = """🐶 dog,🐱 cat,🐭 mouse,🐰 rabbit,🦊 fox,🐻 bear,🐼 panda,🐯 tiger,🦁 lion,🐮 cow,🐷 pig,🐸 frog,🐵 monkey,
🐔 chicken,🐧 penguin,🦉 owl,🦆 duck,🦩 flamingo,🦜 parrot,🦋 butterfly,🐝 bee,🐞 ladybird,🐌 snail,🐢 turtle,🐍 snake,
🐙 octopus,🦀 crab,🐠 fish,🐬 dolphin,🐳 whale,🐘 elephant,🦒 giraffe,🦓 zebra,🐪 camel,🦔 hedgehog"""

_PLANTS = "🌵 cactus,🌲 fir,🌴 palm,🌻 sunflower,🌹 rose,🌷 tulip,🍁 maple leaf,🍄 mushroom"

_FOOD = """🍎 apple,🍌 banana,🍇 grapes,🍉 watermelon,🍓 strawberry,🍒 cherries,🍍 pineapple,🍋 lemon,🍊 orange,🍐 pear,
🥑 avocado,🍅 tomato,🥕 carrot,🌽 maize,🥦 broccoli,🍞 bread,🧀 cheese,🥚 egg,🍔 hamburger,🍟 chips,🍕 pizza,🌭 hot dog,
🌮 taco,🍣 sushi,🍩 doughnut,🍪 biscuit,🎂 cake,🍦 ice cream,🍭 lollipop,☕ coffee,🍺 beer"""

_VEHICLES = """🚗 car,🚌 bus,🚒 fire engine,🚜 tractor,🚲 bicycle,🚂 locomotive,✈️ aeroplane,🚀 rocket,🚁 helicopter,
⛵ sailing boat,🚢 ship,🛸 flying saucer"""

_PLACES = "🏠 house,🏰 castle,🗼 tower,⛺ tent,🎡 ferris wheel"

_SKY = "☀️ sun,🌙 moon,⭐ star,☁️ cloud,🌈 rainbow,⚡ lightning,❄️ snowflake,🔥 fire,💧 drop,🌍 globe"

_THINGS = """⚽ football,🏀 basketball,🎾 tennis,🎱 billiard ball,🎯 target,🎲 die,🧩 jigsaw piece,🎸 guitar,🎹 piano,
🥁 drum,📷 camera,📺 television,💻 laptop,📱 phone,☎️ telephone,⌚ watch,⏰ alarm clock,💡 light bulb,📖 book,✏️ pencil,
✂️ scissors,🔑 key,🔒 padlock,🔨 hammer,🧲 magnet,🔔 bell,🎁 present,🎈 balloon,🧸 teddy bear,🎩 top hat,👑 crown,👟 shoe,
👗 dress,👕 shirt,🎒 backpack,☂️ umbrella,⚓ anchor,💎 gem,🏆 trophy,🪑 chair,🚪 door"""

_CREATURES = "🤖 robot,👽 alien,👻 ghost,💀 skull,❤️ heart,😀 smiling face,👁️ eye,✋ hand,🎃 pumpkin,⛄ snowman"

_GROUPS = [_ANIMALS, _PLANTS, _FOOD, _VEHICLES, _PLACES, _SKY, _THINGS, _CREATURES]
_PAIRS = [entry.strip().split(" ", 1) for group in _GROUPS for entry in group.split(",")]

EMOJI: list[str] = [emoji for emoji, _ in _PAIRS]
NAMES: list[str] = [name for _, name in _PAIRS]

assert len(set(NAMES)) == len(NAMES) >= 140

"""Words that seeded organisations are made of."""


def _words(text: str) -> list[str]:
    return [word.replace("_", " ") for word in text.split()]


FIRST = _words(
    "Aroha Ben Chloé Dmitri Emma Fatima Grace Hemi Isla Jack Kiri Liam Mere Noah Olivia Priya Quinn Rangi "
    "Sofia Tama Ula Viktor Wiremu Xin Yuki Zoë Anahera Bodhi Caitlin Dāvis Esther Finn Georgia Hugo Ines "
    "Jürgen"
)
LAST = _words(
    "Anderson Brown Chen Davies Edwards Fernández Green Harris Ihaka Jones Kumar Lee Morgan Ngata O'Brien "
    "Patel Quayle Robinson Singh Taylor Uzun Väinö Williams Xu Young Zhang Tūhoe-Smith Nguyễn Łukasz "
    "Østergård McKenzie van der Berg d'Arcy Parata Te Kanawa Walker Wright Hēnare"
)
PLACE = _words(
    "Alpine Bayside Coastal Downtown Eastern Fernhill Glacier Harbour Island Junction Kererū Lakeside "
    "Mountain Northern Ocean Pōhutukawa Queenstown River Southern Tasman Upland Valley Western Wharf "
    "Aoraki Bluff Canyon Dunedin Estuary Fiordland"
)
TRADE = _words(
    "Adventures Bakery Cycles Dental Electrical Florists Guiding Hardware Imports Joinery Kayaks "
    "Logistics Motors Nurseries Outdoors Plumbing Quarries Roofing Surfboards Tours Upholstery Vineyards "
    "Workwear Yachting Optics Builders Catering Design Engineering Farms"
)
FORM = ("Ltd", "Limited", "Co", "Group", "Trust", "& Sons", "Partners", "")
CITY = (
    ("Auckland", "Auckland", "1010"),
    ("Wellington", "Wellington", "6011"),
    ("Christchurch", "Canterbury", "8011"),
    ("Whangārei", "Northland", "0110"),
    ("Dunedin", "Otago", "9016"),
    ("Sydney", "NSW", "2000"),
)
# Names that break careless code: emoji, quotes, right to left, markup, tabs, padding, combining marks, the longest.
ODD = (
    "😀 Smiley Tours 🏔️",
    'O\'Brien "Bob" & Sons',
    "مؤسسة النور التجارية",
    'שלום בע"מ',
    "株式会社山田商店",
    "  Padded Pāua Crafts  ",
    "Tab\tBed & Line",
    "<b>Bold</b> & Co",
    "Robert'); DROP TABLE Contacts;--",
    "E\u0301clair Cafe\u0301",
    "\u202eright to left override\u202c",
    "Zero\u200bWidth Holdings",
    "L" + "o" * 246 + "ng Name",
    "Back\\slash / Slash",
    "=SUM(A1:A9)",
    "İstanbul Straße ﬁsh",
)
GOODS = (
    ("TENT-2P", "Two-person tent", 38900, "200"),
    ("TENT-4P", "Four-person tent — family, with porch", 74950, "200"),
    ("PACK-45", "Backpack 45 L", 21999, "200"),
    ("BOOT-M", "Tramping boots, men's", 29900, "200"),
    ("BOOT-W", "Tramping boots, women's", 29900, "200"),
    ("STOVE-G", "Gas stove", 8950, "200"),
    ("GAS-230", "Gas canister 230 g", 1195, "200"),
    ("SLEEP-D", "Sleeping bag, down, -5 °C", 45000, "200"),
    ("MAT-S", "Sleeping mat", 7990, "200"),
    ("JACK-R", "Rain jacket “Milford”", 25950, "200"),
    ("HIRE-D", "Hire, per day", 4500, "201"),
    ("GUIDE-H", "Guide, per hour", 11500, "202"),
    ("FREIGHT", "Freight", 1275, "260"),
    ("REPAIR", "Repair\nzip and seams", 6500, "203"),
    ("FUEL-L", "Fuel, per litre", 267, "204"),
    ("GIFT", "Gift card 🎁", 5000, "200"),
)

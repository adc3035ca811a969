package bench

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// The data of the benchmark follow from their numbers: who knows the number of a
// record knows what has to stand in it.

// deal is an opportunity: standard fields and five custom ones.
type deal struct {
	Name        string `json:"name"`
	Customer    string `json:"customer"`
	Stage       string `json:"stage"`
	Amount      string `json:"amount"`
	Probability int    `json:"probability"`
	CloseDate   string `json:"close_date"`
	NextStep    string `json:"next_step"`
	Source      string `json:"source"`
	Region      string `json:"region"`
	Tier        string `json:"tier"`
	Margin      string `json:"margin"`
	Score       int64  `json:"score"`
	Reference   string `json:"reference"`
}

var (
	stages  = []string{"prospecting", "qualification", "needs_analysis", "proposal", "negotiation", "lost"}
	sources = []string{"advert", "referral", "web", "phone", "event", "partner"}
	tiers   = []string{"gold", "silver", "bronze"}

	latin = strings.Fields(`Northwind Harbour Falcon Meridian Granite Juniper Solstice Copper Tundra Orchid Beacon Lagoon
		Summit Velvet Quartz Willow Cobalt Ember Pioneer Cascade Atlas Borealis Cinder Delta Everest Fjord Garnet Horizon Indigo Jasper`)
	trades = strings.Fields(`pumps valves renewal licences cranes turbines sensors cables filters bearings`)
	hans   = []rune("华星海东方金龙达通远大科信联创新天宇中江南北京上明光电力机械泰和安平盛世宏图伟业德胜瑞丰永昌广源")
)

const regions = 20

func region(n int) string { return fmt.Sprintf("r%02d", n%regions) }

// mixed is a number that has nothing to do with n, but always the same.
func mixed(n int, purpose string) int {
	h := fnv.New32a()
	_, _ = h.Write(strconv.AppendInt([]byte(purpose), int64(n), 10)) // it never fails
	mix := h.Sum32()                                                 // the low bits of which follow those of n
	mix = (mix ^ mix>>16) * 0x85ebca6b
	mix = (mix ^ mix>>13) * 0xc2b2ae35
	return int(mix >> 1)
}

// recordID is a UUID of version 7 as if one was made each millisecond.
func recordID(object byte, n int) string {
	const began = 1_700_000_000_000
	var id uuid.UUID
	for i, at := 5, uint64(began+n); i >= 0; i, at = i-1, at>>8 {
		id[i] = byte(at)
	}
	id[6], id[7], id[8], id[9] = 0x70, object, 0x80, object
	mix := mixed(n, "id")
	id[10], id[11], id[12], id[13], id[14], id[15] = byte(mix), byte(mix>>8), byte(mix>>16), byte(mix>>24), byte(n), byte(n>>8)
	return id.String()
}

func dealID(n int) string     { return recordID('o', n) }
func customerID(n int) string { return recordID('c', n) }

func han(n, length int) string {
	name := make([]rune, 0, length)
	for i := range length {
		name = append(name, hans[mixed(n, fmt.Sprint("han", i))%len(hans)])
	}
	return string(name)
}

// companyName is that of the customer n.
func companyName(n int) string {
	if n%2 == 0 {
		return han(n, 4) + "有限公司"
	}
	return fmt.Sprintf("%s %s %d", latin[mixed(n, "l")%len(latin)], latin[mixed(n, "m")%len(latin)], n)
}

func phoneOf(n int) string { return fmt.Sprintf("+86138%08d", mixed(n, "phone")%100_000_000) }

func emailOf(n int) string {
	return fmt.Sprintf("%s.%d@%s.example", strings.ToLower(latin[mixed(n, "l")%len(latin)]), n, strings.ToLower(latin[mixed(n, "m")%len(latin)]))
}

// newDeal is the opportunity n of one of so many customers.
func newDeal(n, customers int) deal {
	at := mixed(n, "customer") % customers
	return deal{
		Name:        fmt.Sprintf("%s %s %d", companyName(at), trades[mixed(n, "trade")%len(trades)], n),
		Customer:    customerID(at),
		Stage:       stages[mixed(n, "stage")%len(stages)],
		Amount:      strconv.Itoa(1 + mixed(n, "amount")%1_000_000),
		Probability: mixed(n, "probability") % 101,
		CloseDate:   fmt.Sprintf("2026-%02d-%02d", 1+mixed(n, "month")%12, 1+mixed(n, "day")%28),
		NextStep:    "call back about the offer",
		Source:      sources[mixed(n, "source")%len(sources)],
		Region:      region(mixed(n, "region")),
		Tier:        tiers[mixed(n, "tier")%len(tiers)],
		Margin:      fmt.Sprintf("%d.%02d", mixed(n, "margin")%90, n%100),
		Score:       int64(mixed(n, "score") % 1000),
		Reference:   fmt.Sprintf("ERP-%08d", n),
	}
}

func (d deal) json() []byte {
	text, err := json.Marshal(d)
	if err != nil {
		panic(err) // texts and numbers alone
	}
	return text
}

// dealFields are the names of a deal's fields, in the order of values.
var dealFields = []string{
	"name", "customer", "stage", "amount", "probability", "close_date", "next_step", "source", "region", "tier", "margin", "score", "reference",
}

func (d deal) values() []string {
	return []string{
		d.Name, d.Customer, d.Stage, d.Amount, strconv.Itoa(d.Probability), d.CloseDate, d.NextStep, d.Source, d.Region, d.Tier, d.Margin,
		strconv.FormatInt(d.Score, 10), d.Reference,
	}
}

package memguard

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Setting is one setting in force.
type Setting struct {
	// Name is the environment variable that sets it.
	Name string `json:"name"`
	// Value is as that variable would say it; empty is none.
	Value string `json:"value"`
	// Origin is what set it: "default", the option's or variable's name, or the
	// file of the downward API volume.
	Origin string `json:"origin"`
}

// Settings are the settings in force, and where each comes from.
func (g *Guard) Settings() []Setting {
	if g == nil || g.settings == nil {
		return nil
	}
	s := g.settings
	return []Setting{
		g.thresholdSetting(),
		g.basisSetting(),
		g.memoryLimitSetting(),
		{envPodInfo, s.podInfo.value, s.podInfo.origin},
		g.dumpDirSetting(),
		{envDumpKeep, strconv.Itoa(s.keep.value), s.keep.origin},
		{envDumpBytes, quantityText(s.maxBytes.value), s.maxBytes.origin},
		{envSizeLimit, orNone(s.sizeLimit.value), s.sizeLimit.origin},
		s.goMemLimitSetting(),
		{envBlackBox, orOff(s.boxBytes.value), s.boxBytes.origin},
	}
}

func (g *Guard) thresholdSetting() Setting {
	now := g.targets.Load()
	if now == nil { // Switched off.
		now = g.settings.targets()
	}
	return Setting{envThreshold, strings.Join(thresholdTexts(now.thresholds.value), ","), now.thresholds.origin}
}

func (g *Guard) basisSetting() Setting {
	now := g.targets.Load()
	if now == nil {
		now = g.settings.targets()
	}
	return Setting{envBasis, string(now.basis.value), now.basis.origin}
}

func (g *Guard) memoryLimitSetting() Setting {
	if now := g.targets.Load(); now != nil && now.supplied.Source == LimitPodInfo {
		return Setting{envMemoryLimit, now.supplied.Bytes.String(), now.supplied.File}
	}
	supplied := g.settings.memoryLimit
	if n, ok := supplied.value.Get(); ok {
		return Setting{envMemoryLimit, strconv.FormatUint(n, 10), supplied.origin}
	}
	return Setting{envMemoryLimit, "", "default"}
}

// dumpDirSetting is the directory that is used, which is the default one where
// the configured one cannot be.
func (g *Guard) dumpDirSetting() Setting {
	set := g.settings.dumpDir
	if g.dumper == nil {
		return Setting{envDumpDir, "", set.origin}
	}
	used := g.dumper.store.Dir()
	if dir, err := filepath.Abs(set.value); err != nil || set.value == "" || dir != used {
		return Setting{envDumpDir, used, "default"}
	}
	return Setting{envDumpDir, used, set.origin}
}

// goMemLimitSetting: an operator's own GOMEMLIMIT wins.
func (s *settings) goMemLimitSetting() Setting {
	if text, ok := os.LookupEnv("GOMEMLIMIT"); ok {
		return Setting{"GOMEMLIMIT", text, "GOMEMLIMIT"}
	}
	if s.ratio.value == 0 {
		return Setting{envGoMemLimit, "off", s.ratio.origin}
	}
	return Setting{envGoMemLimit, strconv.FormatFloat(s.ratio.value, 'g', -1, 64), s.ratio.origin}
}

func orOff(n int64) string {
	if n == 0 {
		return "off"
	}
	return quantityText(n)
}

func orNone(n int64) string {
	if n == 0 {
		return ""
	}
	return quantityText(n)
}

// quantityText gives a size as a Kubernetes quantity.
func quantityText(n int64) string {
	switch {
	case n%(1<<20) == 0:
		return fmt.Sprintf("%dMi", n>>20)
	case n%(1<<10) == 0:
		return fmt.Sprintf("%dKi", n>>10)
	default:
		return strconv.FormatInt(n, 10)
	}
}

using System;
using VirtioGuest.LibOS.Console;

namespace VirtioGuest.LibOS.Cpu;

/// <summary>What CPUID says about the processor, as far as LibOS needs it.</summary>
internal unsafe struct ProcessorFeatures
{
    // XCR0 (Intel SDM 1, 13.3). Nothing else is ever turned on: what compiled code uses is in these, and what is off
    // (AMX, APX) is off for the .NET runtime too, which looks at XCR0 before it uses anything.
    private const ulong X87AndSse = 0x3;
    private const ulong Avx = 0x4;
    private const ulong Avx512 = 0xE0;
    private const int FirstExtendedComponent = 2;
    private const int LastExtendedComponent = 7;

    /// <summary>What CPUID function 1 says in EDX, which Linux hands on to programs (AT_HWCAP).</summary>
    public uint Basic;

    public bool HasLocalApic;

    /// <summary>Whether RDRAND works.</summary>
    public bool HasRandom;

    /// <summary>Whether page tables have a no-execute bit.</summary>
    public bool HasNoExecute;

    /// <summary>
    /// Which components XSAVE is to save; 0 where extended registers are saved by FXSAVE. Before <see cref="Enable"/>
    /// it is what CPUID promises.
    /// </summary>
    public ulong XSaveComponents;

    /// <summary>Whether XSAVEOPT is there.</summary>
    public bool HasXSaveOpt;

    /// <summary>The bytes that saved extended registers take.</summary>
    public uint ExtendedLength;

    /// <summary>The timestamp counter's frequency in kHz as the processor or the hypervisor reports it, or 0.</summary>
    public uint TimestampKilohertz;

    public static ProcessorFeatures Detect()
    {
        var features = default(ProcessorFeatures);
        uint* r = stackalloc uint[4];

        Processor.CpuId(1, 0, r);
        features.Basic = r[3];
        features.HasLocalApic = (r[3] & (1u << 9)) != 0;
        features.HasRandom = (r[2] & (1u << 30)) != 0;
        bool hasXSave = (r[2] & (1u << 26)) != 0;
        bool isGuest = (r[2] & (1u << 31)) != 0;

        Processor.CpuId(0x8000_0001, 0, r);
        features.HasNoExecute = (r[3] & (1u << 20)) != 0;

        features.ExtendedLength = ExtendedState.LegacyLength;
        if (hasXSave)
        {
            // Processors with XSAVE but none of its extensions are rare. QEMU emulates some (Opteron_G4), and never
            // comes back from the instruction that turns XSAVE on in them.
            Processor.CpuId(0xD, 1, r);
            bool hasExtension = r[0] != 0;
            features.HasXSaveOpt = (r[0] & 1) != 0;
            Processor.CpuId(0xD, 0, r);
            features.XSaveComponents = hasExtension ? Loadable(r[0]) : 0;
        }

        features.TimestampKilohertz = TimestampFrequency(isGuest);
        return features;
    }

    /// <summary>
    /// Turns on what was found, and checks that it is on: where XCR0 does not take what CPUID promises, or the area
    /// does not have the size that it must have, extended registers are saved by FXSAVE, and XSAVE is turned off so
    /// that nobody else finds AVX either. Called once per processor.
    /// </summary>
    public void Enable(PerCpu* cpu)
    {
        ulong promised = XSaveComponents;
        XSaveComponents = 0;
        ExtendedLength = ExtendedState.LegacyLength;
        cpu->SaveKind = ExtendedSave.FXSave;
        if (promised != 0 && !TryEnable(promised) && !TryEnable(promised & (X87AndSse | Avx)))
        {
            Processor.DisableXSave();
        }

        if (XSaveComponents != 0)
        {
            cpu->SaveKind = HasXSaveOpt ? ExtendedSave.XSaveOpt : ExtendedSave.XSave;
        }
    }

    // What XSETBV takes of a set of components: x87 and SSE at least, AVX-512 whole and only with AVX; else it faults.
    private static ulong Loadable(ulong components)
    {
        if ((components & X87AndSse) != X87AndSse)
        {
            return 0;
        }

        ulong loadable = components & (X87AndSse | Avx);
        bool hasAvx512 = (components & Avx512) == Avx512 && (components & Avx) != 0;
        return hasAvx512 ? loadable | Avx512 : loadable;
    }

    private bool TryEnable(ulong components)
    {
        Processor.EnableXSave(components);

        // CPUID comes before the look at XCR0: a hypervisor that does not see XSETBV puts the old value back when it
        // next runs, and CPUID makes it run.
        uint length = AreaLength(components);
        uint* r = stackalloc uint[4];
        Processor.CpuId(0xD, 0, r);
        if (r[1] < length || r[1] > ExtendedState.AreaLength || Processor.ReadXcr0() != components)
        {
            return false;
        }

        XSaveComponents = components;
        ExtendedLength = r[1];
        return true;
    }

    // The bytes that XSAVE writes for some components: where the last one ends (Intel SDM 1, 13.5).
    private static uint AreaLength(ulong components)
    {
        uint* r = stackalloc uint[4];
        uint length = ExtendedState.LegacyLength + ExtendedState.HeaderLength;
        for (int component = FirstExtendedComponent; component <= LastExtendedComponent; component++)
        {
            if ((components & (1ul << component)) != 0)
            {
                Processor.CpuId(0xD, (uint)component, r);
                length = Math.Max(length, r[1] + r[0]);
            }
        }

        return length;
    }

    private static uint TimestampFrequency(bool isGuest)
    {
        uint* r = stackalloc uint[4];
        if (isGuest)
        {
            Processor.CpuId(0x4000_0000, 0, r);
            if (r[0] >= 0x4000_0010 && r[0] < 0x4000_1000)
            {
                Processor.CpuId(0x4000_0010, 0, r);
                if (r[0] != 0)
                {
                    return r[0];
                }
            }
        }

        Processor.CpuId(0, 0, r);
        if (r[0] >= 0x15)
        {
            Processor.CpuId(0x15, 0, r);
            if (r[0] != 0 && r[1] != 0 && r[2] != 0)
            {
                return (uint)((ulong)r[2] * r[1] / r[0] / 1000);
            }
        }

        return 0;
    }
}

/// <summary>Something that the processor must have: an entry of the table in <c>RequiredFeatures.S</c>.</summary>
internal struct RequiredFeature
{
    /// <summary>The CPUID function that reports it.</summary>
    public uint Leaf;

    /// <summary>Whether it is reported in ECX rather than in EDX.</summary>
    public byte IsInEcx;

    public byte Bit;

    /// <summary>Whether the boot assembly checks it, because LibOS itself could not run without it.</summary>
    public byte IsEarly;

    /// <summary>The address of its name, which ends with a zero.</summary>
    public uint Name;
}

/// <summary>What the processor must have, for LibOS and for the .NET runtime, which does not check.</summary>
internal static unsafe class RequiredFeatures
{
    public static bool Has(RequiredFeature* feature)
    {
        uint* r = stackalloc uint[4];
        Processor.CpuId(feature->Leaf & 0x8000_0000, 0, r);
        if (r[0] < feature->Leaf)
        {
            return false;
        }

        Processor.CpuId(feature->Leaf, 0, r);
        uint bits = feature->IsInEcx != 0 ? r[2] : r[3];
        return (bits & (1u << feature->Bit)) != 0;
    }

    /// <summary>Ends the machine if a feature is missing, with the names of all that are.</summary>
    public static void Check(RequiredFeature* feature, RequiredFeature* end)
    {
        bool isMissing = false;
        for (; feature < end; feature++)
        {
            if (Has(feature))
            {
                continue;
            }

            KernelConsole.Write(isMissing ? ", " : "VirtioGuest cannot run on this processor, which lacks: ");
            Panic.WriteName((byte*)(ulong)feature->Name);
            isMissing = true;
        }

        if (isMissing)
        {
            KernelConsole.WriteLine(".");
            Power.Fail();
        }
    }
}

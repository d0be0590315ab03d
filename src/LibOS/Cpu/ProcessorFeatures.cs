namespace VirtioGuest.LibOS.Cpu;

/// <summary>What CPUID says about the processor, as far as LibOS cares.</summary>
internal unsafe struct ProcessorFeatures
{
    // XCR0: x87, SSE, AVX, and the three parts of AVX-512.
    private const uint WantedComponents = 0xE7;

    /// <summary>What CPUID function 1 says in EDX, which Linux hands on to programs (AT_HWCAP).</summary>
    public uint Basic;

    /// <summary>Whether there is a local APIC.</summary>
    public bool HasLocalApic;

    /// <summary>Whether there is CMPXCHG16B, which the .NET runtime uses without asking.</summary>
    public bool HasWideCompareExchange;

    /// <summary>Whether RDRAND works.</summary>
    public bool HasRandom;

    /// <summary>Whether page tables have a no-execute bit.</summary>
    public bool HasNoExecute;

    /// <summary>Which components XSAVE is to save; 0 where there is no XSAVE.</summary>
    public ulong XSaveComponents;

    /// <summary>The bytes that saved extended registers take.</summary>
    public uint ExtendedLength;

    /// <summary>The timestamp counter's frequency in kHz as the processor or hypervisor tells it, or 0.</summary>
    public uint TimestampKilohertz;

    /// <summary>Asks the processor.</summary>
    public static ProcessorFeatures Detect()
    {
        var features = default(ProcessorFeatures);
        uint* r = stackalloc uint[4];

        Processor.CpuId(1, 0, r);
        features.Basic = r[3];
        features.HasLocalApic = (r[3] & (1u << 9)) != 0;
        features.HasRandom = (r[2] & (1u << 30)) != 0;
        features.HasWideCompareExchange = (r[2] & (1u << 13)) != 0;
        bool hasXSave = (r[2] & (1u << 26)) != 0;
        bool isGuest = (r[2] & (1u << 31)) != 0;

        Processor.CpuId(0x8000_0001, 0, r);
        features.HasNoExecute = (r[3] & (1u << 20)) != 0;

        features.ExtendedLength = 512;
        if (hasXSave)
        {
            // No processor has XSAVE without one of its extensions, but QEMU has such models, and hangs in them.
            Processor.CpuId(0xD, 1, r);
            bool hasExtension = r[0] != 0;
            Processor.CpuId(0xD, 0, r);
            features.XSaveComponents = hasExtension ? r[0] & WantedComponents : 0;
        }

        features.TimestampKilohertz = TimestampFrequency(isGuest);
        return features;
    }

    /// <summary>Turns on what was found. Called once a processor.</summary>
    public void Enable(PerCpu* cpu)
    {
        if (XSaveComponents == 0)
        {
            return;
        }

        uint* r = stackalloc uint[4];
        Processor.EnableXSave(XSaveComponents);
        Processor.CpuId(0xD, 0, r);
        if (r[1] > Memory.Frame.Size)
        {
            // Larger than the area that a thread gets: without AVX-512 it fits.
            XSaveComponents &= 7;
            Processor.EnableXSave(XSaveComponents);
            Processor.CpuId(0xD, 0, r);
        }

        ExtendedLength = r[1];
        cpu->UseXSave = 1;
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

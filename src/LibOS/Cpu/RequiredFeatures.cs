using VirtioGuest.LibOS.Console;

namespace VirtioGuest.LibOS.Cpu;

/// <summary>Something that the processor must have: an entry of the table in <c>RequiredFeatures.S</c>.</summary>
internal struct RequiredFeature
{
    /// <summary>The function of CPUID that tells of it.</summary>
    public uint Leaf;

    /// <summary>Whether it is told in ECX rather than in EDX.</summary>
    public byte IsInEcx;

    /// <summary>The bit.</summary>
    public byte Bit;

    /// <summary>Whether the boot assembly looks for it, because LibOS itself could not run without it.</summary>
    public byte IsEarly;

    /// <summary>Where its name is, which a zero ends.</summary>
    public uint Name;
}

/// <summary>What the processor must have, for LibOS and for the .NET runtime, which does not ask.</summary>
internal static unsafe class RequiredFeatures
{
    /// <summary>Whether the processor has a feature.</summary>
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

    /// <summary>Ends the machine where a feature is missing, with the names of all that are.</summary>
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

using VirtioGuest.LibOS.Cpu;

namespace VirtioGuest.LibOS.Time;

/// <summary>What is known of a virtual machine's time by the name of its monitor alone.</summary>
internal static unsafe class HypervisorClock
{
    private const uint IsGuest = 1u << 31;
    private const uint FirstLeaf = 0x4000_0000;

    // The names in EBX, ECX and EDX of leaf 0x40000000; a word of each is enough.
    private const uint KvmName = 0x4B4D_564B; // "KVMK"
    private const uint TcgName = 0x5447_4354; // "TCGT"

    // QEMU and KVM count the local APIC's timer in nanoseconds before the divider.
    private const uint Nanoseconds = 1_000_000_000;

    /// <summary>How often the local APIC's timer counts in a second, undivided; 0 where nobody knows.</summary>
    public static uint ApicTimerHertz
    {
        get
        {
            uint* r = stackalloc uint[4];
            Processor.CpuId(1, 0, r);
            if ((r[2] & IsGuest) == 0)
            {
                return 0;
            }

            Processor.CpuId(FirstLeaf, 0, r);
            return r[1] is KvmName or TcgName ? Nanoseconds : 0;
        }
    }
}

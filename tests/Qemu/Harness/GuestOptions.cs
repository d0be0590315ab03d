using System.Collections.Immutable;

namespace VirtioGuest.Qemu.Tests.Harness;

/// <summary>A machine and what it boots. The default is the quickest: the ELF file on <c>pc</c>, no devices.</summary>
public sealed record GuestOptions
{
    /// <summary>How the kernel gets in.</summary>
    public Door Door { get; init; } = Door.Elf;

    /// <summary>The program that runs, by the name of its project; the kernel's shell where null.</summary>
    public string? Program { get; init; }

    /// <summary>The machine type.</summary>
    public MachineType Machine { get; init; } = MachineType.Pc;

    /// <summary>QEMU's processor model; its default (qemu64) where null.</summary>
    public string? Cpu { get; init; }

    /// <summary>The number of processors.</summary>
    public int Processors { get; init; } = 1;

    /// <summary>RAM in MiB.</summary>
    public int MemoryMegabytes { get; init; } = 256;

    /// <summary>Commands for the guest's shell, none where null.</summary>
    public string? Script { get; init; }

    /// <summary>How <see cref="Script"/> gets in.</summary>
    public ScriptSource ScriptSource { get; init; }

    /// <summary>A kernel command line given as it is, besides <see cref="Script"/>.</summary>
    public string? CommandLine { get; init; }

    /// <summary>Whether there is an isa-debug-exit device at port 0xF4.</summary>
    public bool HasExitDevice { get; init; } = true;

    /// <summary>Whether there are ACPI tables and an ACPI power switch.</summary>
    public bool HasAcpi { get; init; } = true;

    /// <summary>Whether there is an IOMMU, which is off until somebody turns it on; on Q35 only.</summary>
    public bool HasIommu { get; init; }

    /// <summary>Whether there is a VGA function (QEMU's standard one).</summary>
    public bool HasScreen { get; init; }

    /// <summary>Whether a reset ends QEMU instead of starting the machine again.</summary>
    public bool EndsOnReset { get; init; } = true;

    /// <summary>What the serial port leads to.</summary>
    public SerialBackend Serial { get; init; }

    /// <summary>
    /// Whether a machine that resets itself before it has said anything is started once more, with a notice of what
    /// QEMU noted of the reset.
    /// </summary>
    public bool RetriesSilentReset { get; init; }

    /// <summary>The disks, the first at PCI slot 4.</summary>
    public ImmutableList<DiskOptions> Disks { get; init; } = [];

    /// <summary>The network cards, the first at PCI slot 0x14.</summary>
    public ImmutableList<NicOptions> Nics { get; init; } = [];

    /// <summary>Further arguments of QEMU.</summary>
    public ImmutableList<string> ExtraArguments { get; init; } = [];

    /// <summary>The same machine with one more packed-ring disk.</summary>
    public GuestOptions WithDisk(DiskImage image)
    {
        return WithDisk(new DiskOptions(image.Path));
    }

    /// <summary>The same machine with one more disk.</summary>
    public GuestOptions WithDisk(DiskOptions disk)
    {
        return this with { Disks = Disks.Add(disk) };
    }

    /// <summary>The same machine with one more packed-ring network card.</summary>
    public GuestOptions WithNic()
    {
        return WithNic(new NicOptions());
    }

    /// <summary>The same machine with one more network card.</summary>
    public GuestOptions WithNic(NicOptions nic)
    {
        return this with { Nics = Nics.Add(nic) };
    }

    /// <summary>The same machine with more arguments for QEMU.</summary>
    public GuestOptions WithArguments(params string[] arguments)
    {
        return this with { ExtraArguments = ExtraArguments.AddRange(arguments) };
    }

    /// <summary>The same machine which runs a script that reaches it through fw_cfg.</summary>
    public GuestOptions WithScript(string script)
    {
        return this with { Script = script };
    }
}

namespace VirtioGuest.Qemu.Tests.Harness;

/// <summary>One of the two kernels that take the same commands, and what it says in words of its own.</summary>
public sealed class GuestKernel
{
    private readonly string _name;
    private readonly Door _door;
    private readonly int _memoryMegabytes;
    private readonly string _system;
    private readonly string _size;
    private readonly string _lease;

    private GuestKernel(string name, Door door, int memoryMegabytes, string system, string size, string lease)
    {
        _name = name;
        _door = door;
        _memoryMegabytes = memoryMegabytes;
        _system = system;
        _size = size;
        _lease = lease;
    }

    /// <summary>The unikernel, from its ISO as well.</summary>
    public static GuestKernel Unikernel { get; } = new(
        "unikernel", Door.IsoBios, 256, @"\.NET \d+\.\d+\.\d+", @" \([^)]+\)", ", lease 86400 s");

    /// <summary>The Cosmos kernel.</summary>
    public static GuestKernel Cosmos { get; } = new("Cosmos", Door.Cosmos, 512, "Cosmos", "", "");

    /// <summary>Both.</summary>
    public static GuestKernel[] All { get; } = [Unikernel, Cosmos];

    /// <summary>A machine that both come up on, without devices.</summary>
    public GuestOptions Machine => new()
    {
        Door = _door,
        Machine = MachineType.Pc,
        MemoryMegabytes = _memoryMegabytes,
        HasScreen = true,

        // Cosmos does so where a tick comes before its interrupt table: rarely, with the kernel's early table.
        RetriesSilentReset = _door == Door.Cosmos,
    };

    /// <summary>The form of the first line.</summary>
    public string FirstLine => $@"VirtioGuest \d+\.\d+\.\d+ on {_system}, started by multiboot2$";

    /// <summary>The form of what <c>net N dhcp</c> prints in QEMU's user network.</summary>
    public string Lease(int index)
    {
        return $@"\Anet{index}: 10\.0\.2\.15/24, gateway 10\.0\.2\.2, dns 10\.0\.2\.3{_lease}\z";
    }

    /// <summary>The form of the line of a disk that is driven.</summary>
    public string BoundDisk(int index, DiskImage image, string ring)
    {
        return $@"^disk{index}: virtio-blk at 00:{QemuCommandLine.FirstDiskSlot + index:x2}\.0, " +
            $@"{image.Sectors} sectors{_size}, .*{ring} ring";
    }

    /// <summary>The form of the line of a network card that is driven.</summary>
    public string BoundNic(int index, string ring)
    {
        return $@"^net{index}: virtio-net at 00:{QemuCommandLine.FirstNicSlot + index:x2}\.0, " +
            $"{QemuCommandLine.MacAddress(index)}, .*{ring} ring";
    }

    /// <inheritdoc/>
    public override string ToString()
    {
        return _name;
    }
}

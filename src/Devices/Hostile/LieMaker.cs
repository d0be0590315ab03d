using VirtioGuest.Devices.Mmio;
using VirtioGuest.Devices.Pci;

namespace VirtioGuest.Devices.Hostile;

/// <summary>Chooses what a hostile device's registers lie about.</summary>
internal sealed class LieMaker
{
    private const uint StatusRegister = 0x14;
    private const uint GenerationRegister = 0x15;
    private const uint QueueResetRegister = 0x3A;
    private const int MostTruths = 6;

    /// <summary>Offset and width of the fields of the common configuration (virtio 1.4, 4.1.4.3).</summary>
    private static readonly (uint Offset, uint Width)[] s_common =
    [
        (0x04, 4), (0x10, 2), (0x12, 2), (StatusRegister, 1), (GenerationRegister, 1), (0x18, 2), (0x1A, 2), (0x1C, 2),
        (0x1E, 2), (0x38, 2), (QueueResetRegister, 2), (PciFunctionLayout.IsrOffset, 1),
    ];

    /// <summary>The control registers that can be read over MMIO (virtio 1.4, 4.2.2).</summary>
    private static readonly uint[] s_mmio =
    [
        MmioRegister.MagicValue, MmioRegister.Version, MmioRegister.DeviceId, MmioRegister.DeviceFeatures,
        MmioRegister.QueueSizeMaximum, MmioRegister.QueueReady, MmioRegister.InterruptStatus, MmioRegister.Status,
        MmioRegister.SharedMemoryLengthLow, MmioRegister.SharedMemoryLengthHigh, MmioRegister.SharedMemoryBaseLow,
        MmioRegister.SharedMemoryBaseHigh, MmioRegister.QueueReset, MmioRegister.ConfigurationGeneration,
    ];

    private readonly SeededRandom _random;
    private readonly Hostility _hostility;

    public LieMaker(SeededRandom random, Hostility hostility)
    {
        _random = random;
        _hostility = hostility;
    }

    /// <summary>Lies of a PCI function's header.</summary>
    public LyingRegisters OfHeader()
    {
        LyingRegisters lies = new LyingRegisters();
        for (int i = Count(Hostility.Header, 3); i > 0; i--)
        {
            // Any field but the command: whether a device may master the bus is decided by the bus.
            uint offset = (uint)_random.Below(0x3E);
            uint length = (uint)_random.Below(4) + 1;
            if (offset + length <= 4 || offset > 5)
            {
                lies.Add(Any(offset, length));
            }
        }

        return lies;
    }

    /// <summary>Lies of the range with a PCI function's structures.</summary>
    public LyingRegisters OfStructures(int configurationLength)
    {
        LyingRegisters lies = new LyingRegisters();
        AddEndless(lies, StatusRegister, GenerationRegister, QueueResetRegister);
        for (int i = Count(Hostility.Control, 3); i > 0; i--)
        {
            (uint offset, uint width) = s_common[_random.Below(s_common.Length)];
            lies.Add(Any(offset, width));
        }

        AddConfiguration(lies, PciFunctionLayout.DeviceOffset, configurationLength);
        return lies;
    }

    /// <summary>Lies of the range with the vectors.</summary>
    public LyingRegisters OfVectors()
    {
        LyingRegisters lies = new LyingRegisters();
        for (int i = Count(Hostility.Vectors, 3); i > 0; i--)
        {
            lies.Add(Any((uint)_random.Below(16) * 4, 4));
        }

        return lies;
    }

    /// <summary>Lies of the registers over MMIO.</summary>
    public LyingRegisters OfMmio(int configurationLength)
    {
        LyingRegisters lies = new LyingRegisters();
        AddEndless(lies, MmioRegister.Status, MmioRegister.ConfigurationGeneration, MmioRegister.QueueReset);
        for (int i = Count(Hostility.Control, 3); i > 0; i--)
        {
            lies.Add(Any(s_mmio[_random.Below(s_mmio.Length)], 4));
        }

        if (Is(Hostility.Interrupts) && _random.Chance(50))
        {
            lies.Add(new RegisterLie(
                MmioRegister.InterruptStatus, 4, LieKind.Constant, _random.Edge() | 1, 0, _random));
        }

        AddConfiguration(lies, MmioRegister.Configuration, configurationLength);
        return lies;
    }

    private bool Is(Hostility part) => (_hostility & part) != 0;

    private int Count(Hostility part, int most) => Is(part) ? 1 + _random.Below(most) : 0;

    private RegisterLie Any(uint offset, uint length) => new RegisterLie(
        offset, length, (LieKind)_random.Below(5), _random.Edge(), _random.Below(MostTruths), _random);

    private void AddConfiguration(LyingRegisters lies, uint start, int length)
    {
        for (int i = length == 0 ? 0 : Count(Hostility.Configuration, 4); i > 0; i--)
        {
            // Fields are what lies are about, so their places are likely: of 1 to 8 bytes, aligned to 4 at most.
            uint width = 1u << _random.Below(4);
            uint alignment = width < 4 ? width : 4;
            lies.Add(Any(start + ((uint)_random.Below(length) & ~(alignment - 1)), width));
        }
    }

    /// <summary>One thing that never ends: a status that stays, a generation that moves, a reset that lasts.</summary>
    private void AddEndless(LyingRegisters lies, uint status, uint generation, uint queueReset)
    {
        if (!Is(Hostility.Endless))
        {
            return;
        }

        int truths = _random.Below(12);
        lies.Add(_random.Below(5) switch
        {
            0 => new RegisterLie(generation, 1, LieKind.Counting, 0, truths, _random),
            1 => new RegisterLie(queueReset, 2, LieKind.Constant, 1, 0, _random),
            2 => new RegisterLie(status, 1, LieKind.Anything, 0, truths, _random),
            3 => new RegisterLie(status, 1, LieKind.Constant, (uint)_random.Below(256), truths, _random),
            _ => new RegisterLie(status, 1, LieKind.WrongBits, 1u << _random.Below(8), truths, _random),
        });
    }
}

using VirtioGuest.LibOS.Acpi;
using VirtioGuest.LibOS.Memory;

namespace VirtioGuest.LibOS.Interrupts;

/// <summary>
/// The I/O APICs (Intel 82093AA): their inputs are numbered consecutively as global system interrupts, and each has an
/// entry that says which vector it sends to which processor. All are masked at first: firmware may have left some open,
/// with vectors that mean something else here.
/// </summary>
internal unsafe struct IoApicSet
{
    private const uint UsualAddress = 0xFEC0_0000;
    private const ulong WindowLength = 0x20;
    private const uint SelectRegister = 0;
    private const uint DataRegister = 0x10;
    private const uint VersionRegister = 1;
    private const uint FirstEntry = 0x10;
    private const uint MaximumInputs = 240;
    private const uint FewestInputs = 16;

    private const uint Masked = 1 << 16;
    private const uint Level = 1 << 15;
    private const uint ActiveLow = 1 << 13;

    private fixed ulong _registers[InterruptDescription.IoApicCapacity];
    private fixed uint _first[InterruptDescription.IoApicCapacity];
    private fixed uint _inputs[InterruptDescription.IoApicCapacity];
    private int _count;

    public readonly int Count => _count;

    /// <summary>Finds those that the firmware describes, and masks all inputs.</summary>
    /// <param name="description">What the firmware describes.</param>
    /// <param name="pages">Where registers are mapped.</param>
    /// <param name="mayGuess">
    /// Whether to look at the usual address where the firmware describes none. Not every monitor has one there, and
    /// some end at an access that they do not know.
    /// </param>
    public void Initialize(InterruptDescription* description, PageTable* pages, bool mayGuess)
    {
        var ioApic = default(IoApicDescription);
        for (int i = 0; description->TryGetIoApic(i, &ioApic); i++)
        {
            if (DeviceMemory.Map(pages, ioApic.Address, WindowLength))
            {
                Add(PhysicalMemory.At(ioApic.Address), ioApic.FirstInterrupt, 1);
            }
        }

        if (_count == 0 && mayGuess && DeviceMemory.Map(pages, UsualAddress, WindowLength))
        {
            Add(PhysicalMemory.At(UsualAddress), 0, FewestInputs);
        }
    }

    /// <summary>Adds an I/O APIC, all of whose inputs are masked.</summary>
    /// <param name="registers">Its registers.</param>
    /// <param name="first">Its first global system interrupt, or <see cref="IoApicDescription.AfterPrevious"/>.</param>
    /// <param name="fewestInputs">The inputs that it must have to be taken for one.</param>
    /// <returns>False where there is none.</returns>
    public bool Add(byte* registers, uint first, uint fewestInputs)
    {
        // All ones, or zeros, are what a bus answers where there is nothing.
        uint version = Read(registers, VersionRegister);
        uint inputs = ((version >> 16) & 0xFF) + 1;
        if (_count == InterruptDescription.IoApicCapacity || version == 0 || version == uint.MaxValue
            || inputs < fewestInputs || inputs > MaximumInputs)
        {
            return false;
        }

        if (first == IoApicDescription.AfterPrevious)
        {
            first = _count == 0 ? 0 : _first[_count - 1] + _inputs[_count - 1];
        }

        _registers[_count] = (ulong)registers;
        _first[_count] = first;
        _inputs[_count] = inputs;
        _count++;
        for (uint input = 0; input < inputs; input++)
        {
            Write(registers, FirstEntry + (2 * input), Masked);
        }

        return true;
    }

    public readonly bool Has(uint interrupt) => TryFind(interrupt, out _, out _);

    /// <summary>Sets what an input sends; it stays masked.</summary>
    /// <param name="interrupt">The global system interrupt.</param>
    /// <param name="vector">The vector that it sends.</param>
    /// <param name="processor">The number of the processor that it sends to.</param>
    /// <param name="isLevel">Whether it is level-triggered.</param>
    /// <param name="isLow">Whether it is active low.</param>
    public readonly void Route(uint interrupt, ulong vector, uint processor, bool isLevel, bool isLow)
    {
        if (!TryFind(interrupt, out byte* registers, out uint entry))
        {
            return;
        }

        // An entry is two registers: it is masked while they do not fit together.
        var low = (uint)vector | Masked | (isLevel ? Level : 0) | (isLow ? ActiveLow : 0);
        Write(registers, entry, Masked);
        Write(registers, entry + 1, processor << 24);
        Write(registers, entry, low);
    }

    /// <summary>Keeps an input from interrupting. A pulse on an edge-triggered one is lost meanwhile.</summary>
    public readonly void Mask(uint interrupt)
    {
        if (TryFind(interrupt, out byte* registers, out uint entry))
        {
            Write(registers, entry, Read(registers, entry) | Masked);
        }
    }

    public readonly void Unmask(uint interrupt)
    {
        if (TryFind(interrupt, out byte* registers, out uint entry))
        {
            Write(registers, entry, Read(registers, entry) & ~Masked);
        }
    }

    private readonly bool TryFind(uint interrupt, out byte* registers, out uint entry)
    {
        for (int i = 0; i < _count; i++)
        {
            if (interrupt >= _first[i] && interrupt - _first[i] < _inputs[i])
            {
                registers = (byte*)_registers[i];
                entry = FirstEntry + (2 * (interrupt - _first[i]));
                return true;
            }
        }

        registers = null;
        entry = 0;
        return false;
    }

    private static uint Read(byte* registers, uint register)
    {
        DeviceRegisters.Write32(registers + SelectRegister, register);
        return DeviceRegisters.Read32(registers + DataRegister);
    }

    private static void Write(byte* registers, uint register, uint value)
    {
        DeviceRegisters.Write32(registers + SelectRegister, register);
        DeviceRegisters.Write32(registers + DataRegister, value);
    }
}

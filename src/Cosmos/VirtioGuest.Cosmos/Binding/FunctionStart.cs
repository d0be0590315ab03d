using VirtioGuest.Cosmos.Machine;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Pci;

namespace VirtioGuest.Cosmos.Binding;

/// <summary>
/// Brings a device of a PCI function up, and keeps it from raising a line on which nobody of ours would answer.
/// </summary>
public sealed class FunctionStart
{
    private const byte LastLine = 15;

    private readonly Platform _platform;
    private readonly CosmosMachine _machine;
    private readonly PciFunction _function;

    /// <summary>Covers a function.</summary>
    internal FunctionStart(Platform platform, CosmosMachine machine, PciFunction function)
    {
        _platform = platform;
        _machine = machine;
        _function = function;
    }

    /// <summary>The platform below.</summary>
    internal Platform Platform => _platform;

    /// <summary>The machine that the device's driver sees.</summary>
    internal CosmosMachine Machine => _machine;

    /// <summary>Whether the device is polled, because nobody of ours is called for its line.</summary>
    internal bool IsPolled => _machine.Lines.IsPolled(_function.InterruptLine);

    /// <summary>Brings the device up, for the first time or again.</summary>
    /// <param name="device">The function's device, new or stopped.</param>
    /// <param name="failure">Why it is not up, as the end of a sentence that starts with the device.</param>
    internal bool TryStart(VirtioDevice device, out string failure)
    {
        byte line = _function.InterruptLine;
        bool isPolled = IsPolled;
        bool isForeign = isPolled && line <= LastLine;
        if (isForeign)
        {
            // The driver lets its function interrupt. On a line of somebody else nobody would quiet it, and the
            // processor would not get past the first interrupt to forbid it again.
            _platform.SetMask(line, isMasked: true);
        }

        bool isRunning = device.TryStart(out failure);
        if (isPolled)
        {
            _function.InterruptDisable = true;
        }

        if (isForeign && _machine.Lines.IsForeign(line))
        {
            _platform.SetMask(line, isMasked: false);
        }

        return isRunning;
    }
}

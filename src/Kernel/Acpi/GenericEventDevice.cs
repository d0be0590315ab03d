using System;
using VirtioGuest.Hal;
using VirtioGuest.Hal.Text;
using VirtioGuest.Pci;

namespace VirtioGuest.Kernel.Acpi;

/// <summary>
/// The power button of a machine with reduced hardware, through QEMU's generic event device (ACPI 6.5, 5.6.9).
/// </summary>
/// <remarks>
/// ACPI has a method tell which event it was. QEMU's reads one register, which says so by a bit and forgets it; this
/// does the same, after making sure that tables and names are QEMU's.
/// </remarks>
internal sealed class GenericEventDevice : InterruptHandler
{
    private const string HardwareId = "ACPI0013";
    private const string Maker = "BOCHS ";
    private const string EventMethod = "_EVT";
    private const string Registers = "EREG";
    private const string Selector = "ESEL";
    private const uint SelectorBits = 32;
    private const uint PowerDown = 1 << 1;

    private readonly MmioRegion _selector;
    private readonly Action _onButton;

    private GenericEventDevice(MmioRegion selector, Action onButton)
    {
        _selector = selector;
        _onButton = onButton;
    }

    /// <summary>Looks for the device and takes its interrupt.</summary>
    /// <param name="tables">The firmware's tables.</param>
    /// <param name="machine">The machine.</param>
    /// <param name="onButton">Called on the interrupt's thread, once for each time that the button was pressed.</param>
    /// <param name="failure">Why there is none: what the machine lacks.</param>
    /// <returns>Whether the button works.</returns>
    public static bool TryStart(FirmwareTables tables, Hal.Machine machine, Action onButton, out Failure? failure)
    {
        failure = new Failure("has no event device of a known kind");
        if (tables.Fixed?.Maker != Maker)
        {
            return false;
        }

        AmlNamespace names = tables.Names;
        foreach (string device in names.Devices)
        {
            byte[]? resources = names.ResourcesOf(device);
            AmlRegion? region = names.Region(device, Registers);
            AmlField? field = names.Field(device, Selector);
            bool isKnown = names.HardwareIdOf(device) == HardwareId && names.IsPresent(device)
                && names.HasMethod(device, EventMethod)
                && region is { Space: AmlRegion.Memory, Length: >= SelectorBits / 8 }
                && field is { Offset: 0, Length: SelectorBits }
                && field.Region == AmlNamespace.Join(device, Registers);
            if (!isKnown || resources is null
                || DeviceResources.Read(resources).Interrupt is not { } line || line > byte.MaxValue)
            {
                continue;
            }

            MmioRegion? selector = machine.MapMmio(region!.Address, SelectorBits / 8);
            if (selector is null)
            {
                failure = new Failure("cannot map the event device's register");
                return false;
            }

            // An event from before is nobody's any more.
            selector.Read32(0);
            var handler = new GenericEventDevice(selector, onButton);
            bool isAttached = machine.Interrupts.AttachEdgeLine((byte)line, "power button", handler) is not null;
            failure = isAttached ? null : new Failure("has no interrupt line " + DecimalText.Of(line));
            return isAttached;
        }

        return false;
    }

    /// <inheritdoc/>
    public override bool OnInterrupt()
    {
        uint events = _selector.Read32(0);
        if ((events & PowerDown) != 0)
        {
            _onButton();
        }

        return events != 0;
    }
}

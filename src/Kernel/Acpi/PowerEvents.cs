using VirtioGuest.Commands.Text;
using VirtioGuest.Kernel.Services;

namespace VirtioGuest.Kernel.Acpi;

/// <summary>Makes the power button of a machine with ACPI shut it down.</summary>
internal static class PowerEvents
{
    /// <summary>Listens to the button, however the machine has it.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="tables">The firmware's tables.</param>
    /// <param name="output">Where it is said that the button does not work.</param>
    /// <param name="shutdown">What the button does.</param>
    /// <returns>The events of the fixed hardware; null where there is none.</returns>
    public static FixedEvents? Start(
        Hal.Machine machine, FirmwareTables tables, TextOutput output, OrderlyShutdown shutdown)
    {
        if (tables.Fixed is not { } hardware)
        {
            return null;
        }

        void OnButton() => shutdown.Begin("power button");

        FixedEvents? events = null;
        string failure;
        if (hardware.IsReduced)
        {
            GenericEventDevice.TryStart(tables, machine, OnButton, out failure);
        }
        else
        {
            events = FixedEvents.TryStart(hardware, machine, OnButton, out failure);
        }

        if (failure.Length != 0)
        {
            output.WriteLine("the power button does nothing: " + failure);
        }

        return events;
    }
}

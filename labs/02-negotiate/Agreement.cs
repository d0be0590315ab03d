using VirtioGuest.Labs;

namespace Lab;

/// <summary>Lab 2: agrees with a device on features. The text is in README.md.</summary>
public sealed class Agreement : Negotiator
{
    private const byte Acknowledge = 1;

    public override ulong? Negotiate(LabMachine machine, RegisterRegion common, ulong understood)
    {
        // Step 1: reset the device, and wait until that is over.
        // Step 2: ACKNOWLEDGE, then DRIVER. Bits that are set stay set.
        // Step 3: read what is offered (two words), accept what is understood of it (two words).
        // Step 4: FEATURES_OK, and read it back. FAILED and null where the device does not work so.
        common.Write8(CommonOffset.DeviceStatus, Acknowledge);
        throw new NotDoneYetException("steps 1 to 4, negotiate");
    }

    public override void GoLive(LabMachine machine, RegisterRegion common)
    {
        // Step 5: DRIVER_OK.
        throw new NotDoneYetException("step 5, go live");
    }
}

namespace VirtioGuest.Devices;

/// <summary>Something that a driver did against the specification, as its device saw it.</summary>
/// <param name="Rule">Which rule it broke.</param>
/// <param name="Text">What it did, in words.</param>
public readonly record struct DriverFinding(DriverRule Rule, string Text);

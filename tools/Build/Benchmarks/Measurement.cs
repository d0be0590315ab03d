namespace VirtioGuest.Build.Benchmarks;

/// <summary>One number of bench.json.</summary>
/// <param name="Name">Dotted words, from the general to the special: <c>boot.iso.bios.first_line</c>.</param>
/// <param name="Value">The number.</param>
/// <param name="Unit">Its unit: <c>s</c>, <c>MB</c>, <c>1/s</c>.</param>
/// <param name="Method">How it was measured, for someone who wants to repeat it.</param>
internal sealed record Measurement(string Name, double Value, string Unit, string Method);

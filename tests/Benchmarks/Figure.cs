namespace VirtioGuest.Benchmarks;

/// <summary>One number for bench.json.</summary>
/// <param name="Name">Dotted words, from the general to the special.</param>
/// <param name="Value">The number.</param>
/// <param name="Unit">Its unit.</param>
/// <param name="Method">How it was measured, for someone who wants to repeat it.</param>
internal sealed record Figure(string Name, double Value, string Unit, string Method);

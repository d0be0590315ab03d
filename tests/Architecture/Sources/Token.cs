namespace VirtioGuest.Architecture.Tests.Sources;

/// <summary>A word, a sign or a directive of C# code, outside comments and literals.</summary>
/// <param name="Line">The line that it begins on, counted from 1.</param>
/// <param name="Text">A word or a sign as it stands; a directive from its <c>#</c>, without the space after it.</param>
public readonly record struct Token(int Line, string Text);

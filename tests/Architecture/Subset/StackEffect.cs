using System;
using System.Collections.Immutable;
using Mono.Cecil;
using Mono.Cecil.Cil;

namespace VirtioGuest.Architecture.Tests.Subset;

/// <summary>What each instruction takes from the evaluation stack and leaves there (ECMA-335, III).</summary>
internal static class StackEffect
{
    private static readonly StackValue s_other = new(StackKind.Other);
    private static readonly StackValue s_int32 = new(StackKind.Int32);
    private static readonly StackValue s_int64 = new(StackKind.Int64);
    private static readonly StackValue s_native = new(StackKind.Native);
    private static readonly StackValue s_float = new(StackKind.Float);

    /// <summary>The stack after an instruction.</summary>
    public static ImmutableStack<StackValue> Apply(
        MethodDefinition method, Instruction instruction, ImmutableStack<StackValue> values)
    {
        if (instruction.OpCode.Code == Code.Dup)
        {
            return values.Push(values.Peek());
        }

        if (instruction.OpCode.StackBehaviourPop == StackBehaviour.PopAll || instruction.OpCode.Code == Code.Ret)
        {
            return [];
        }

        ImmutableStack<StackValue> left = values;
        for (int taken = Taken(instruction); taken > 0; taken--)
        {
            left = left.Pop();
        }

        return Left(method, instruction, values) is StackValue value ? left.Push(value) : left;
    }

    private static int Taken(Instruction instruction)
    {
        if (instruction.Operand is IMethodSignature signature && instruction.OpCode.FlowControl == FlowControl.Call)
        {
            bool instance = signature.HasThis && !signature.ExplicitThis && instruction.OpCode.Code != Code.Newobj;
            bool indirect = instruction.OpCode.Code == Code.Calli;
            return signature.Parameters.Count + (instance ? 1 : 0) + (indirect ? 1 : 0);
        }

        return instruction.OpCode.StackBehaviourPop switch
        {
            StackBehaviour.Pop0 => 0,
            StackBehaviour.Pop1 or StackBehaviour.Popi or StackBehaviour.Popref => 1,
            StackBehaviour.Popi_popi_popi or StackBehaviour.Popref_popi_popi or StackBehaviour.Popref_popi_popi8
                or StackBehaviour.Popref_popi_popr4 or StackBehaviour.Popref_popi_popr8
                or StackBehaviour.Popref_popi_popref => 3,
            StackBehaviour.Varpop or StackBehaviour.PopAll =>
                throw new NotSupportedException($"{instruction} takes an unknown number of values."),
            _ => 2,
        };
    }

    private static StackValue? Left(
        MethodDefinition method, Instruction instruction, ImmutableStack<StackValue> values)
    {
        OpCode code = instruction.OpCode;
        switch (instruction.Operand)
        {
            case IMethodSignature when code.Code == Code.Newobj:
                return s_other;
            case IMethodSignature signature when code.FlowControl == FlowControl.Call:
                return signature.ReturnType.MetadataType == MetadataType.Void
                    ? null
                    : StackValue.Of(Closed(signature.ReturnType, signature as MethodReference));
            case FieldReference field when code.Code is Code.Ldfld or Code.Ldsfld:
                return StackValue.Of(Closed(field.FieldType, field));
            case TypeReference type when code.Code == Code.Box:
                return s_other with { Boxed = type };
            case TypeReference type when code.Code is Code.Ldobj or Code.Ldelem_Any or Code.Unbox_Any:
                return StackValue.Of(type);
        }

        return code.StackBehaviourPush switch
        {
            StackBehaviour.Push0 => null,
            StackBehaviour.Pushi8 => s_int64,
            StackBehaviour.Pushr4 or StackBehaviour.Pushr8 => s_float,
            StackBehaviour.Pushref => s_other,
            StackBehaviour.Pushi => Word(code.Code),
            _ => Local(method, instruction) ?? Result(code.Code, values),
        };
    }

    /// <summary>Addresses and native numbers, which Cecil does not tell from 32-bit numbers.</summary>
    private static StackValue Word(Code code) => code switch
    {
        Code.Conv_I or Code.Conv_U or Code.Conv_Ovf_I or Code.Conv_Ovf_U or Code.Conv_Ovf_I_Un or Code.Conv_Ovf_U_Un
            or Code.Ldind_I or Code.Ldelem_I or Code.Ldflda or Code.Ldsflda or Code.Ldloca or Code.Ldloca_S
            or Code.Ldarga or Code.Ldarga_S or Code.Ldelema or Code.Ldlen or Code.Localloc or Code.Ldftn
            or Code.Ldvirtftn or Code.Unbox => s_native,
        _ => s_int32,
    };

    /// <summary>The value of an argument or of a local variable.</summary>
    private static StackValue? Local(MethodDefinition method, Instruction at) => at.OpCode.Code switch
    {
        Code.Ldarg_0 => Argument(method, 0),
        Code.Ldarg_1 => Argument(method, 1),
        Code.Ldarg_2 => Argument(method, 2),
        Code.Ldarg_3 => Argument(method, 3),
        Code.Ldarg or Code.Ldarg_S when at.Operand is ParameterDefinition { Index: >= 0 } parameter =>
            StackValue.Of(parameter.ParameterType),
        Code.Ldarg or Code.Ldarg_S => Argument(method, 0),
        Code.Ldloc_0 => Variable(method, 0),
        Code.Ldloc_1 => Variable(method, 1),
        Code.Ldloc_2 => Variable(method, 2),
        Code.Ldloc_3 => Variable(method, 3),
        Code.Ldloc or Code.Ldloc_S => StackValue.Of(((VariableDefinition)at.Operand).VariableType),
        _ => null,
    };

    private static StackValue Argument(MethodDefinition method, int index)
    {
        if (!method.HasThis)
        {
            return StackValue.Of(method.Parameters[index].ParameterType);
        }

        return index > 0
            ? StackValue.Of(method.Parameters[index - 1].ParameterType)
            : method.DeclaringType.IsValueType ? s_native : s_other;
    }

    private static StackValue Variable(MethodDefinition method, int index) =>
        StackValue.Of(method.Body.Variables[index].VariableType);

    /// <summary>The result of arithmetic (ECMA-335, III.1.5).</summary>
    private static StackValue Result(Code code, ImmutableStack<StackValue> values)
    {
        StackValue top = values.IsEmpty ? s_other : values.Peek();
        switch (code)
        {
            case Code.Neg or Code.Not:
                return top;
            case Code.Shl or Code.Shr or Code.Shr_Un:
                return values.Pop().Peek();
            case Code.Add or Code.Add_Ovf or Code.Add_Ovf_Un or Code.Sub or Code.Sub_Ovf or Code.Sub_Ovf_Un or Code.Mul
                or Code.Mul_Ovf or Code.Mul_Ovf_Un or Code.Div or Code.Div_Un or Code.Rem or Code.Rem_Un or Code.And
                or Code.Or or Code.Xor:
                StackKind below = values.Pop().Peek().Kind;
                return new((StackKind)Math.Max((int)top.Kind, (int)below));
            default:
                return s_other;
        }
    }

    /// <summary>A member's type, with the type parameter that it may be replaced by the argument.</summary>
    private static TypeReference Closed(TypeReference type, MemberReference? member)
    {
        if (type is not GenericParameter parameter)
        {
            return type;
        }

        IGenericInstance? instance = parameter.Type == GenericParameterType.Method
            ? member as GenericInstanceMethod
            : member?.DeclaringType as GenericInstanceType;
        return instance is null ? type : instance.GenericArguments[parameter.Position];
    }
}
